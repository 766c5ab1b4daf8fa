// SPDX-License-Identifier: GPL-2.0-only
// How a plan reaches a lab kernel: with its image where sending is slow, else by request. The
// machine is a stub whose worker is ready at once.
#include "host_runner/lab/lab_kernel.hpp"

#include "harness/wire/crc32.hpp"
#include "harness/wire/plan.hpp"
#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/kvm_worker/worker_request.hpp"
#include "host_runner/process/process.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>

namespace vmrunit::runner {
namespace {

class ReadyBoot final : public LabBoot {
public:
    ReadyBoot(std::string status, pid_t process) : line_{std::move(status)}, process_{process} {}

    pid_t process_id() const override { return process_; }
    void wait(std::chrono::milliseconds limit) override {
        if (process_ != 0) {
            std::this_thread::sleep_for(limit);
        }
    }
    bool read_log(std::string&) override { return true; }
    std::size_t send(std::span<const std::byte> bytes) override { return bytes.size(); }
    std::size_t read_status(std::span<std::byte> into) override {
        const auto count = std::min(into.size(), line_.size());
        std::memcpy(into.data(), line_.data(), count);
        line_.erase(0, count);
        return count;
    }
    std::size_t read_output(std::span<std::byte>) override { return 0; }
    Result<std::optional<RingReader>> open_ring(std::uint32_t) override {
        return std::optional<RingReader>{};
    }
    std::optional<MachineEnd> ended() override { return std::nullopt; }
    void kill() override {}

private:
    std::string line_;
    pid_t process_;
};

class ReadyEmulator final : public LabEmulator {
public:
    explicit ReadyEmulator(std::size_t longest) { lines_.longest_request = longest; }

    Availability availability() override { return {true, "Ready 1", {}}; }
    SubjectFacts facts() override { return {}; }
    Layers cpu_layer() override { return {.cpu = "ready"}; }
    std::string baseline_name() override { return "ready-1"; }
    std::chrono::milliseconds boot_limit() const override { return limit; }
    std::chrono::milliseconds silence_limit() const override { return silence; }
    std::chrono::milliseconds stall_report_limit() const override { return {}; }
    WorkerLines worker_lines() const override { return lines_; }
    std::string kernel_parameters() const override { return {}; }
    Result<std::unique_ptr<LabBoot>> boot(const LabImage& image) override {
        initramfs_.assign(reinterpret_cast<const char*>(image.initramfs.data()),
                          image.initramfs.size());
        return std::make_unique<ReadyBoot>(status, process);
    }
    [[nodiscard]] bool image_has_plan() const {
        return initramfs_.find(" --plan /plan") != std::string::npos;
    }

    std::string status = worker::format_status({.kind = worker::StatusKind::ready, .detail = "x"});
    pid_t process = 0;
    std::chrono::milliseconds limit{5'000};
    std::chrono::milliseconds silence{1'000};

private:
    WorkerLines lines_;
    std::string initramfs_;
};

/// Cases without operations, numbered from `first`.
std::vector<std::byte> plan_of(std::uint32_t first, std::uint32_t count) {
    wire::PlanHeader header{};
    header.magic = wire::plan_magic;
    header.version = wire::plan_version;
    header.header_size = sizeof header;
    header.case_count = count;
    std::vector<wire::PlanCase> cases(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        cases[i].index = first + i;
    }
    const auto body = std::as_bytes(std::span{cases});
    header.total_size = static_cast<std::uint32_t>(sizeof header + body.size());
    header.crc = wire::crc32(body);
    std::vector<std::byte> plan(sizeof header + body.size());
    std::memcpy(plan.data(), &header, sizeof header);
    std::ranges::copy(body, plan.begin() + sizeof header);
    return plan;
}

class LabKernelTest : public testing::Test {
protected:
    LabKernelTest() : folder_{TemporaryFolder::create()} {
        configuration_.init = configuration_.worker = payload_ = folder_->path() / "program";
        std::ofstream{payload_} << "program";
    }
    std::shared_ptr<LabKernel> boot(ReadyEmulator& emulator, const std::vector<std::byte>& plan) {
        auto kernel = LabKernel::boot(emulator, configuration_, payload_, plan);
        EXPECT_TRUE(kernel) << kernel.error().line();
        return kernel ? *kernel : nullptr;
    }
    static worker::Request request(const LabKernel& kernel, const std::vector<std::byte>& plan) {
        worker::RequestReader reader;
        reader.feed(kernel.run_request(7, plan));
        auto found = reader.next();
        EXPECT_TRUE(found);
        return found.value_or(worker::Request{});
    }

    Result<TemporaryFolder> folder_;
    LabConfiguration configuration_;
    std::filesystem::path payload_;
};

TEST_F(LabKernelTest, APlanIsSentWhereThatIsQuick) {
    ReadyEmulator emulator{100'000};
    const auto plan = plan_of(0, 20);
    const auto kernel = boot(emulator, plan);
    ASSERT_NE(kernel, nullptr);
    EXPECT_FALSE(emulator.image_has_plan());
    EXPECT_TRUE(kernel->takes(plan_of(50, 100)));
    EXPECT_EQ(request(*kernel, plan).header.kind, worker::RequestKind::run);
    EXPECT_EQ(request(*kernel, plan).plan, plan);
}

TEST_F(LabKernelTest, ElseItComesAlongAndRequestsNameAPartOfIt) {
    ReadyEmulator emulator{200};
    const auto kernel = boot(emulator, plan_of(0, 20));
    ASSERT_NE(kernel, nullptr);
    EXPECT_TRUE(emulator.image_has_plan());
    const auto rest = plan_of(8, 12); // what is left after a case that killed its VM
    EXPECT_TRUE(kernel->takes(rest));
    const auto found = request(*kernel, rest);
    EXPECT_EQ(found.header.kind, worker::RequestKind::run_part);
    EXPECT_EQ(found.header.number, 7u);
    EXPECT_EQ(found.header.first, 8u);
    EXPECT_EQ(found.header.count, 12u);
}

TEST_F(LabKernelTest, ABootThatNobodyWantsAnyMoreIsGivenUp) {
    ReadyEmulator emulator{200};
    emulator.status.clear(); // never ready
    configuration_.give_up = [] { return true; };
    const auto kernel = LabKernel::boot(emulator, configuration_, payload_, {});
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().what, "the lab machine did not come up: interrupted");
}

TEST_F(LabKernelTest, AKernelThatSpinsWithoutAWordIsGivenUp) {
    auto spins = Process::start({{"/bin/sh", "-c", "while :; do :; done"}});
    ASSERT_TRUE(spins);
    ReadyEmulator emulator{200};
    emulator.status.clear();
    emulator.process = spins->id();
    emulator.silence = std::chrono::milliseconds{200};
    emulator.limit = std::chrono::minutes{1};
    const auto kernel = LabKernel::boot(emulator, configuration_, payload_, {});
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().what.find("the lab machine did not come up: it stands still: 0."), 0u)
        << kernel.error().what;
}

TEST_F(LabKernelTest, ABootShowsHowLongTheNextOneMayBeSilent) {
    ReadyEmulator emulator{200};
    emulator.silence = std::chrono::minutes{1};
    EXPECT_EQ(emulator.allowed_silence(), std::chrono::minutes{1});
    emulator.note_silence(std::chrono::seconds{2});
    EXPECT_EQ(emulator.allowed_silence(), std::chrono::seconds{20});
    emulator.note_silence(std::chrono::milliseconds{1});
    EXPECT_EQ(emulator.allowed_silence(), std::chrono::seconds{20});
    emulator.note_silence(std::chrono::seconds{9});
    EXPECT_EQ(emulator.allowed_silence(), std::chrono::minutes{1});
}

TEST_F(LabKernelTest, AnotherPlanIsSentIfItIsShortAndElseNotTaken) {
    ReadyEmulator emulator{200};
    const auto kernel = boot(emulator, plan_of(0, 20));
    ASSERT_NE(kernel, nullptr);
    EXPECT_TRUE(kernel->takes(plan_of(100, 2)));
    EXPECT_EQ(request(*kernel, plan_of(100, 2)).header.kind, worker::RequestKind::run);
    EXPECT_FALSE(kernel->takes(plan_of(100, 20)));
}

} // namespace
} // namespace vmrunit::runner
