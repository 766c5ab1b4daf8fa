// SPDX-License-Identifier: GPL-2.0-only
// Domains of a libvirtd that this test starts: every way to talk and to end, with a payload that
// does what its plan says (../qemu/scripted_payload.S). No process and no file may be left, not
// even when the runner or libvirtd dies.
#include "host_runner/libvirt/libvirt_machine.hpp"

#include "host_runner/libvirt/libvirt_target.hpp"
#include "host_runner/process/capture.hpp"
#include "host_runner/targets/kvm_host.hpp"
#include "tests/libvirt/private_libvirt.hpp"
#include "tests/unit/machine_test.hpp"
#include "tests/unit/process_watch.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using How = MachineEnd::How;

PrivateLibvirt* libvirt = nullptr;

/// Starts the daemons once for all tests.
class Daemons final : public testing::Environment {
public:
    void SetUp() override {
        if (const auto missing = PrivateLibvirt::what_is_missing(); !missing.empty()) {
            GTEST_SKIP() << missing;
        }
        const auto started = libvirt->start();
        ASSERT_TRUE(started) << started.error().line();
    }
    void TearDown() override {
        libvirt->stop();
        EXPECT_TRUE(no_children_left());
    }
};

class LibvirtMachineTest : public MachineTest<Machine> {
protected:
    LibvirtMachineTest() { registry_.add(libvirt_target_factory()); }
    void SetUp() override { target_ = create(""); }
    void TearDown() override {
        machine_.reset();
        EXPECT_TRUE(fs::is_empty(std::getenv("TMPDIR"))) << "files were left";
    }

    std::unique_ptr<Target> create(const std::string& settings) {
        auto target = registry_.create("libvirt:" + libvirt->uri() + settings, {});
        EXPECT_TRUE(target) << target.error().line();
        return target ? std::move(*target) : nullptr;
    }
    std::string refusal(const std::string& settings) {
        const auto target = registry_.create("libvirt:" + libvirt->uri() + settings, {});
        return target ? "created" : target.error().line();
    }
    static BootRequest request(const std::string& plan) {
        BootRequest request;
        request.image = std::getenv("SCRIPTED_PAYLOAD");
        for (const char letter : plan) {
            request.plan.push_back(static_cast<std::byte>(letter));
        }
        return request;
    }
    void start(const std::string& plan) {
        auto started = target_->start(request(plan));
        ASSERT_TRUE(started) << started.error().line();
        machine_ = std::move(*started);
    }
    [[nodiscard]] const LibvirtMachine& machine() const {
        return dynamic_cast<const LibvirtMachine&>(*machine_);
    }

    TargetRegistry registry_;
    std::unique_ptr<Target> target_;
};

/// What the payload's 'b' sends.
std::string much() {
    return counting_bytes(0x40000);
}

TEST_F(LibvirtMachineTest, TalksByThePortAndTripleFaults) {
    start("pt");
    const auto id = machine().process_id();
    EXPECT_TRUE(is_running(id));
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "triple fault");
    EXPECT_FALSE(is_running(id));
}

TEST_F(LibvirtMachineTest, ThePortLosesNothing) {
    start("bpbp");
    const auto expected = much() + "hello\n" + much() + "hello\n";
    EXPECT_EQ(read(expected.size()), expected);
}

TEST_F(LibvirtMachineTest, AResetIsAnEnd) {
    start("pk");
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(LibvirtMachineTest, AHangEndsWhenTheRunnerSaysSo) {
    start("pl");
    EXPECT_EQ(read(6), "hello\n");
    std::array<std::byte, 16> buffer{};
    const auto outcome = machine_->read(buffer, milliseconds{50});
    EXPECT_EQ(outcome.bytes, 0u);
    EXPECT_FALSE(outcome.ended);
    const auto id = machine().process_id();
    machine_->stop();
    EXPECT_FALSE(is_running(id));
    EXPECT_TRUE(fs::is_empty(std::getenv("TMPDIR")));
    EXPECT_EQ(read(), "");
    expect_end(How::finished, "stopped by the runner");
}

TEST_F(LibvirtMachineTest, AFloodIsReadInBoundedPiecesAndCanBeStopped) {
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

TEST_F(LibvirtMachineTest, AKilledEmulatorIsNamed) {
    start("pl");
    EXPECT_EQ(read(6), "hello\n");
    ASSERT_EQ(::kill(machine().process_id(), SIGKILL), 0);
    EXPECT_EQ(read(), "");
    ended_ = true;
    EXPECT_TRUE(machine_->end().how == How::emulator_died ||
                machine_->end().how == How::internal_error)
        << machine_->end().text;
    EXPECT_THAT(machine_->end().text, EndsWith("says libvirt"));
}

TEST_F(LibvirtMachineTest, ADomainThatSomebodyElseDestroysIsLost) {
    start("pl");
    EXPECT_EQ(read(6), "hello\n");
    {
        const auto other = LibvirtConnection::open(libvirt->uri());
        ASSERT_TRUE(other) << other.error().line();
        auto* const domain =
            virDomainLookupByName((*other)->handle(), machine().domain_name().c_str());
        ASSERT_NE(domain, nullptr);
        EXPECT_EQ(virDomainDestroy(domain), 0);
        virDomainFree(domain);
    }
    EXPECT_EQ(read(), "");
    expect_end(How::lost, "the domain was destroyed, and not by the runner");
}

TEST_F(LibvirtMachineTest, TwoDomainsRunSideBySide) {
    start("pt");
    auto other = target_->start(request("ppt"));
    ASSERT_TRUE(other) << other.error().line();
    EXPECT_EQ(read(), "hello\n");
    machine_ = std::move(*other);
    EXPECT_EQ(read(), "hello\nhello\n");
}

TEST_F(LibvirtMachineTest, ARunnerThatIsKilledLeavesNothing) {
    std::array<int, 2> line{};
    ASSERT_EQ(::pipe2(line.data(), O_CLOEXEC), 0);
    const pid_t runner = ::fork();
    if (runner == 0) {
        auto target = create("");
        auto machine = target->start(request("pl"));
        const pid_t id = machine ? dynamic_cast<const LibvirtMachine&>(**machine).process_id() : -1;
        if (::write(line[1], &id, sizeof id) == sizeof id) {
            ::pause();
        }
        ::_exit(1);
    }
    pid_t emulator = -1;
    pollfd source{line[0], POLLIN, 0};
    ::poll(&source, 1, static_cast<int>(ample.count()));
    ASSERT_EQ(::read(line[0], &emulator, sizeof emulator), ssize_t{sizeof emulator});
    EXPECT_TRUE(is_running(emulator));
    ::kill(runner, SIGKILL);
    ::waitpid(runner, nullptr, 0);
    ::close(line[0]);
    ::close(line[1]);
    EXPECT_TRUE(ends_within(emulator, ample));
    // The folder's guardian has seen the runner go, too.
    const auto deadline = std::chrono::steady_clock::now() + ample;
    while (!fs::is_empty(std::getenv("TMPDIR")) && std::chrono::steady_clock::now() < deadline) {
        ::poll(nullptr, 0, 1);
    }
}

TEST_F(LibvirtMachineTest, TakesTheRequestSeriously) {
    auto missing = request("p");
    missing.image = "/nowhere/payload.elf";
    const auto refused = target_->start(missing);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("/nowhere/payload.elf"));
    auto ring = request("p");
    ring.ring_size = 0x2000;
    EXPECT_FALSE(target_->start(ring));
}

TEST_F(LibvirtMachineTest, KnowsItsNames) {
    EXPECT_EQ(refusal(",cpu=EPYC,npt=off"), "created");
    EXPECT_EQ(refusal(",type=qemu,machine=pc"), "created");
    EXPECT_THAT(refusal(",type=qemu,cpu=EPIC"),
                HasSubstr("unknown CPU model 'EPIC': did you mean EPYC"));
    EXPECT_THAT(refusal(",type=qemu,nptt=off"), HasSubstr("unknown CPU feature: nptt"));
}

TEST_F(LibvirtMachineTest, ACpuModelWithoutAFeatureRuns) {
    target_ = create(",type=qemu,cpu=EPYC,npt=off,cpus=1,memory=32");
    start("pt");
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(LibvirtMachineTest, SaysWhatItIs) {
    const auto plain = create(",type=qemu");
    const auto availability = plain->availability();
    EXPECT_TRUE(availability.available) << availability.reason;
    EXPECT_THAT(availability.reason,
                testing::MatchesRegex("libvirt [0-9.]+, QEMU [0-9.]+, TCG, CPU maximum,svm=on"));
    EXPECT_THAT(plain->baseline_name(), StartsWith("qemu-tcg-"));
    EXPECT_EQ(plain->layers().cpu, "qemu");
    EXPECT_EQ(plain->baseline_name(), "qemu-tcg-" + plain->layers().cpu_version);
    EXPECT_THAT(plain->facts(), testing::Contains(testing::Pair("libvirt.uri", libvirt->uri())));
}

TEST_F(LibvirtMachineTest, KvmIsThereExactlyIfThisMachineHasNestedSvm) {
    const auto kvm = create(",type=kvm")->availability();
    const auto host = judge_nested_svm(look_at_kvm_host());
    EXPECT_EQ(kvm.available, host.available) << kvm.reason;
    if (!host.available) {
        EXPECT_THAT(kvm.reason, StartsWith("domains of type kvm have no SVM here: "));
        EXPECT_THAT(kvm.cure, HasSubstr("type=qemu"));
    }
}

TEST_F(LibvirtMachineTest, RunsRealCases) {
    const auto done = capture({std::getenv("VMRUNIT"), "run", "intercept/cpuid", "--target",
                               "libvirt:" + libvirt->uri() + ",type=qemu", "--runs-folder",
                               std::getenv("RUNS_FOLDER"), "--color=never"},
                              ample);
    ASSERT_TRUE(done) << done.error().line();
    EXPECT_EQ(describe(done->status), "exit status 0") << done->output << done->errors;
    EXPECT_THAT(done->output, HasSubstr("PASS  "));
    EXPECT_THAT(done->output, testing::Not(HasSubstr(" 0 passed")));
}

// The last one: the daemon of the others is gone after it.
TEST_F(LibvirtMachineTest, WithoutItsDaemonADomainIsLostAndEnded) {
    start("pl");
    EXPECT_EQ(read(6), "hello\n");
    const auto id = machine().process_id();
    EXPECT_TRUE(is_running(id));
    libvirt->kill_libvirtd();
    EXPECT_EQ(read(), "");
    expect_end(How::lost, "the connection to libvirt broke");
    EXPECT_TRUE(ends_within(id, ample));
    const auto refused = target_->start(request("p"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, StartsWith("no connection to libvirt"));
}

} // namespace
} // namespace vmrunit::runner

int main(int count, char** arguments) {
    using namespace vmrunit::runner;
    testing::InitGoogleTest(&count, arguments);
    std::signal(SIGPIPE, SIG_IGN); // as the program does: a dead daemon is an error of one write
    std::string folder = (fs::temp_directory_path() / "libvirt-tests-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) {
        return EXIT_FAILURE;
    }
    // The emulator must get at files of ours, and it may run as somebody else.
    fs::permissions(folder, fs::perms{0711});
    for (const char* name : {"files", "libvirt", "runs"}) {
        fs::create_directory(folder + "/" + name);
    }
    ::setenv("TMPDIR", (folder + "/files").c_str(), 1);
    ::setenv("RUNS_FOLDER", (folder + "/runs").c_str(), 1);
    PrivateLibvirt daemons{folder + "/libvirt"};
    libvirt = &daemons;
    testing::AddGlobalTestEnvironment(new Daemons);
    const int status = RUN_ALL_TESTS();
    fs::remove_all(folder);
    return status;
}
