// SPDX-License-Identifier: GPL-2.0-only
// Machines of a real Bochs: every way to talk and to end, with a payload that does what its plan
// says (multiboot_payload.S). After each test no process and no file may be left.
#include "host_runner/targets/bochs_target.hpp"

#include "tests/unit/machine_test.hpp"
#include "tests/unit/process_watch.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <stdexcept>

namespace vmrunit::runner {
namespace {

using std::chrono::milliseconds;
using How = MachineEnd::How;

std::string spec_under_test() {
    const char* const named = std::getenv("BOCHS_UNDER_TEST");
    return named != nullptr ? named : "bochs";
}

bool files_were_left() {
    return !std::filesystem::is_empty(std::getenv("TMPDIR"));
}

class BochsMachineTest : public MachineTest<Machine> {
protected:
    BochsMachineTest() { registry_.add(bochs_target_factory()); }
    void SetUp() override {
        auto target = registry_.create(spec_under_test(), {});
        ASSERT_TRUE(target) << target.error().line();
        target_ = std::move(*target);
        if (const auto availability = target_->availability(); !availability.available) {
            GTEST_SKIP() << availability.reason << ": " << availability.cure;
        }
    }
    void TearDown() override {
        machine_.reset();
        EXPECT_TRUE(no_children_left());
        EXPECT_FALSE(files_were_left());
    }

    static BootRequest request(const std::string& plan) {
        const char* const payload = std::getenv("MULTIBOOT_PAYLOAD");
        BootRequest request;
        request.image = payload != nullptr ? payload : "multiboot_payload.elf";
        for (const char letter : plan) {
            request.plan.push_back(static_cast<std::byte>(letter));
        }
        return request;
    }
    /// Without a machine there is nothing to go on with: the exception ends the test as a failure.
    void start(const std::string& plan) {
        auto started = target_->start(request(plan));
        if (!started) {
            throw std::runtime_error{started.error().line()};
        }
        machine_ = std::move(*started);
    }
    [[nodiscard]] pid_t process_id() const {
        return dynamic_cast<const BochsMachine&>(*machine_).process_id();
    }

    TargetRegistry registry_;
    std::unique_ptr<Target> target_;
};

/// What the payload's 'b' sends.
std::string much() {
    return counting_bytes(0x10000);
}

TEST_F(BochsMachineTest, TalksByThePortAndTripleFaults) {
    start("pt");
    EXPECT_TRUE(read().starts_with("hello\n"));
    expect_end(How::triple_fault, "triple fault; rip 0x10");
}

TEST_F(BochsMachineTest, ThePortLosesNothing) {
    start("bpbp");
    const auto expected = much() + "hello\n" + much() + "hello\n";
    EXPECT_EQ(read(expected.size()), expected);
}

TEST_F(BochsMachineTest, AResetIsAnEnd) {
    start("pk");
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "reset by the guest");
}

TEST_F(BochsMachineTest, AHangEndsWhenTheRunnerSaysSo) {
    start("pl");
    EXPECT_EQ(read(6), "hello\n");
    std::array<std::byte, 16> buffer{};
    const auto outcome = machine_->read(buffer, milliseconds{50});
    EXPECT_EQ(outcome.bytes, 0u);
    EXPECT_FALSE(outcome.ended);
    const auto id = process_id();
    machine_->stop();
    EXPECT_FALSE(is_running(id));
    EXPECT_FALSE(files_were_left());
    EXPECT_EQ(read(), "");
    expect_end(How::finished, "stopped by the runner");
}

TEST_F(BochsMachineTest, AFloodIsReadInBoundedPiecesAndCanBeStopped) {
    start("f");
    std::array<std::byte, 100> buffer{};
    for (int turn = 0; turn < 100; ++turn) {
        const auto outcome = machine_->read(buffer, ample);
        ASSERT_GT(outcome.bytes, 0u);
        ASSERT_LE(outcome.bytes, buffer.size());
    }
    machine_->stop();
    EXPECT_EQ(to_string(machine_->end().how), to_string(How::finished));
}

TEST_F(BochsMachineTest, AKilledEmulatorIsNamed) {
    start("pl");
    EXPECT_EQ(read(6), "hello\n");
    ASSERT_EQ(::kill(process_id(), SIGKILL), 0);
    EXPECT_EQ(read(), "");
    expect_end(How::emulator_died, "Bochs: killed by SIGKILL");
}

TEST_F(BochsMachineTest, StopsBeforeThePayloadRuns) {
    start("p");
    machine_->stop();
    machine_->stop();
    EXPECT_EQ(to_string(machine_->end().how), to_string(How::finished));
}

TEST_F(BochsMachineTest, TwoMachinesRunSideBySide) {
    start("pt");
    auto other = target_->start(request("ppt"));
    ASSERT_TRUE(other) << other.error().line();
    EXPECT_TRUE(read().starts_with("hello\n"));
    machine_ = std::move(*other);
    EXPECT_TRUE(read().starts_with("hello\nhello\n"));
}

TEST_F(BochsMachineTest, TakesTheImageAndTheModelSeriously) {
    auto missing = request("p");
    missing.image = "/nowhere/payload.elf";
    const auto refused = target_->start(missing);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "cannot read /nowhere/payload.elf: No such file or directory");
    auto ring = request("p");
    ring.ring_size = 0x2000;
    EXPECT_FALSE(target_->start(ring));
    const auto unknown = registry_.create(spec_under_test() + ",cpu=rizen", {});
    ASSERT_FALSE(unknown);
    EXPECT_NE(unknown.error().line().find("unknown CPU model 'rizen': did you mean ryzen?"),
              std::string::npos)
        << unknown.error().line();
}

TEST_F(BochsMachineTest, WhatBochsRefusesIsSaidInItsWords) {
    const auto loader = BootLoader::make(true);
    ASSERT_TRUE(loader) << loader.error().line();
    auto configuration = dynamic_cast<const BochsTarget&>(*target_).configuration();
    configuration.cpu = "no_such_cpu";
    const auto refused = BochsMachine::start(configuration, *loader, request("p"));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().what.starts_with("Bochs did not start the machine: Bochs: exit"))
        << refused.error().what;
}

TEST_F(BochsMachineTest, SaysWhatItIs) {
    const auto availability = target_->availability();
    const auto name = target_->baseline_name();
    EXPECT_TRUE(name.starts_with("bochs-"));
    EXPECT_EQ(availability.reason, "Bochs " + name.substr(6) + ", CPU ryzen");
    const auto facts = target_->facts();
    EXPECT_NE(std::find(facts.begin(), facts.end(),
                        std::pair<std::string, std::string>{"bochs.version", name.substr(6)}),
              facts.end());
    EXPECT_NE(std::find(facts.begin(), facts.end(),
                        std::pair<std::string, std::string>{"cpu.model", "ryzen"}),
              facts.end());
}

} // namespace
} // namespace vmrunit::runner

int main(int count, char** arguments) {
    testing::InitGoogleTest(&count, arguments);
    std::string folder = (std::filesystem::temp_directory_path() / "bochs-tests-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) {
        return EXIT_FAILURE;
    }
    ::setenv("TMPDIR", folder.c_str(), 1);
    const int status = RUN_ALL_TESTS();
    std::filesystem::remove_all(folder);
    return status;
}
