// SPDX-License-Identifier: GPL-2.0-only
// Machines of the target `kvm`, on this machine's KVM: every way to talk and to end, with a payload
// that does what its plan says, and the case runner's hello. Nested SVM is not needed.
#include "host_runner/targets/kvm_machine.hpp"

#include "harness/svm/features.hpp"
#include "harness/wire/record.hpp"
#include "tests/kvm_worker/worker_under_test.hpp"
#include "tests/unit/machine_test.hpp"
#include "tests/unit/process_watch.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using namespace worker; // the tests' files and plans
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using How = MachineEnd::How;

class KvmMachineTest : public MachineTest<KvmMachine> {
protected:
    void SetUp() override {
        if (const auto reason = why_no_vm(); !reason.empty()) {
            GTEST_SKIP() << reason;
        }
        configuration_.worker = files_under_test().worker;
    }
    void TearDown() override {
        machine_.reset();
        EXPECT_TRUE(no_children_left());
    }

    void start(const BootRequest& request) {
        auto started = KvmMachine::start(configuration_, request);
        ASSERT_TRUE(started) << started.error().line();
        machine_ = std::move(*started);
    }
    void start_script(std::string_view letters, bool with_ring) {
        BootRequest request;
        request.image = files_under_test().scripted_payload;
        request.plan = script(letters);
        if (with_ring) {
            request.ring_address = scripted_ring_address;
            request.ring_size = scripted_ring_size;
        }
        start(request);
    }
    void start_case_runner(bool with_ring) {
        BootRequest request;
        request.image = files_under_test().case_runner;
        if (with_ring) {
            request.ring_address = 0x1000000;
            request.ring_size = 0x1000 + 0x100000;
        }
        request.plan = empty_plan(request.ring_address, request.ring_size);
        start(request);
    }

    KvmConfiguration configuration_;
};

TEST_F(KvmMachineTest, TextByThePortAndAHalt) {
    start_script("p", false);
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::hung, "all CPUs halted for good; cpu 0 halted: rip 0x1");
}

TEST_F(KvmMachineTest, TextByTheRing) {
    start_script("rwt", true);
    EXPECT_EQ(read(), "ring\n");
    expect_end(How::triple_fault, "KVM_EXIT_SHUTDOWN (triple fault) on cpu 0");
}

TEST_F(KvmMachineTest, TheRingIsUsedByWhoeverFormatsIt) {
    start_script("pt", true);
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "KVM_EXIT_SHUTDOWN");
}

TEST_F(KvmMachineTest, MuchByThePort) {
    start_script("bt", false);
    EXPECT_TRUE(read() == much());
    expect_end(How::triple_fault, "KVM_EXIT_SHUTDOWN");
}

TEST_F(KvmMachineTest, MuchByTheRing) {
    start_script("rWt", true);
    EXPECT_TRUE(read() == much());
    expect_end(How::triple_fault, "KVM_EXIT_SHUTDOWN");
}

TEST_F(KvmMachineTest, WhatTheRingHoldsIsReadAfterTheMachineDied) {
    start_script("rwwwt", true);
    EXPECT_EQ(read(), "ring\nring\nring\n");
    expect_end(How::triple_fault, "KVM_EXIT_SHUTDOWN");
}

TEST_F(KvmMachineTest, AnEndlessLoopGoesOnUntilItIsStopped) {
    start_script("pl", false);
    EXPECT_EQ(read(6), "hello\n");
    EXPECT_EQ(read(1, milliseconds{300}), ""); // long enough for looks at the CPU
    EXPECT_FALSE(ended_);
    machine_->stop();
    EXPECT_EQ(machine_->end().how, How::finished);
    EXPECT_TRUE(machine_->end().text.starts_with("told to stop; cpu 0: rip 0x1"))
        << machine_->end().text;
}

TEST_F(KvmMachineTest, AFloodDoesNotHoldUpTheStop) {
    start_script("f", false);
    EXPECT_GE(read(100'000).size(), 100'000u);
    const auto before = Clock::now();
    machine_->stop();
    EXPECT_LT(Clock::now() - before, milliseconds{5'000});
    EXPECT_EQ(machine_->end().how, How::finished);
}

TEST_F(KvmMachineTest, ACorruptRingEndsTheMachine) {
    start_script("rcl", true);
    EXPECT_EQ(read(), "");
    expect_end(How::lost, "the ring is lost; cpu 0: rip 0x1");
    EXPECT_TRUE(machine_->end().text.ends_with(
        "; the producer index is further ahead than the ring is large"))
        << machine_->end().text;
}

TEST_F(KvmMachineTest, ARingOfAnotherSizeEndsTheMachine) {
    start_script("rxl", true);
    EXPECT_EQ(read(), "");
    expect_end(How::lost, "the ring is lost");
}

TEST_F(KvmMachineTest, AMendedRingIsReadOn) {
    start_script("rwcmwt", true);
    EXPECT_EQ(read(), "ring\nring\n");
    expect_end(How::triple_fault, "KVM_EXIT_SHUTDOWN");
}

TEST_F(KvmMachineTest, ASecondCpuWaitsWhateverIsSentToIt) {
    start_script("pip", false);
    EXPECT_EQ(read(), "hello\nhello\n");
    expect_end(How::hung, "all CPUs halted for good; cpu 0 halted");
    EXPECT_EQ(machine_->end().text.find("cpu 1"), std::string::npos);
}

TEST_F(KvmMachineTest, OneCpuWillDo) {
    configuration_.cpus = 1;
    start_script("pt", false);
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "KVM_EXIT_SHUTDOWN");
}

TEST_F(KvmMachineTest, PortsOfAPcAreInert) {
    for (const char* const letters : {"po", "pk"}) { // power off by ACPI, reset by the keyboard
        start_script(letters, false);
        EXPECT_EQ(read(), "hello\n");
        expect_end(How::hung, "all CPUs halted for good");
    }
}

/// The process of a worker's VM.
pid_t only_child_of(pid_t parent) {
    const auto deadline = Clock::now() + ample;
    const auto id = std::to_string(parent);
    const auto file = "/proc/" + id + "/task/" + id + "/children";
    while (Clock::now() < deadline) {
        std::ifstream children{file};
        if (pid_t child = 0; children >> child) {
            return child;
        }
    }
    return -1;
}

TEST_F(KvmMachineTest, AVmProcessThatIsKilledIsNamed) {
    start_script("pl", false);
    EXPECT_EQ(read(6), "hello\n");
    const auto child = only_child_of(machine_->process_id());
    ASSERT_GT(child, 0);
    ::kill(child, SIGKILL);
    EXPECT_EQ(read(), "");
    expect_end(How::emulator_died, "the VM process was killed by signal 9");
}

TEST_F(KvmMachineTest, AWorkerThatIsKilledTakesItsVmAlong) {
    start_script("pl", false);
    EXPECT_EQ(read(6), "hello\n");
    const auto child = only_child_of(machine_->process_id());
    ASSERT_GT(child, 0);
    ::kill(machine_->process_id(), SIGKILL);
    EXPECT_EQ(read(), "");
    expect_end(How::emulator_died, "kvm-worker: killed by SIGKILL");
    const auto deadline = Clock::now() + ample;
    const auto is_gone = [&] { return ::kill(child, 0) != 0; };
    while (!is_gone() && Clock::now() < deadline) {
        ::sched_yield();
    }
    EXPECT_TRUE(is_gone());
}

TEST_F(KvmMachineTest, WhatIsNoPayloadDoesNotStart) {
    BootRequest request;
    request.image = "/dev/null";
    const auto started = KvmMachine::start(configuration_, request);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().what,
              "kvm-worker did not start the machine: kvm-worker: exit status 99: kvm-worker: "
              "/dev/null: neither an ELF64 image for x86-64 nor an ELF32 image for i386");
}

TEST_F(KvmMachineTest, APlanThatDoesNotFitIsRefused) {
    configuration_.memory_mebibytes = 4;
    BootRequest request;
    request.image = files_under_test().scripted_payload;
    request.plan.resize(4 << 20);
    const auto started = KvmMachine::start(configuration_, request);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().what,
              "kvm-worker did not start the machine: payload and plan do not fit into 4 MiB of "
              "guest memory: give it more by --memory");
}

TEST_F(KvmMachineTest, AWorkerThatIsNotThere) {
    configuration_.worker = "/proc/nonexistent/kvm-worker";
    const auto started = KvmMachine::start(configuration_, {});
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().what.find("/proc/nonexistent/kvm-worker"), std::string::npos);
}

/// The one frame that the case runner sends where there is no SVM.
void expect_refusal(const std::string& stream) {
    const auto frames = frames_of(stream);
    ASSERT_EQ(frames.size(), 1u);
    ASSERT_EQ(frames[0].type, wire::FrameType::hello);
    wire::Hello hello{};
    ASSERT_GE(frames[0].payload.size(), sizeof hello);
    std::memcpy(&hello, frames[0].payload.data(), sizeof hello);
    EXPECT_EQ(hello.plan_error, static_cast<std::uint32_t>(wire::PlanError::no_svm));
    EXPECT_EQ(hello.door, 1u); // PVH
}

TEST_F(KvmMachineTest, TheCaseRunnerSaysHelloByBothWays) {
    configuration_.hidden_features = {"svm"}; // the same on every host
    std::string streams[2];
    for (const bool with_ring : {false, true}) {
        start_case_runner(with_ring);
        streams[with_ring ? 1 : 0] = read();
        expect_end(How::finished, "the payload refused its plan");
        expect_refusal(streams[with_ring ? 1 : 0]);
    }
    EXPECT_TRUE(streams[0] == streams[1]);
}

svm::Features features_of(const std::string& stream) {
    const auto frames = frames_of(stream);
    wire::Hello hello{};
    EXPECT_FALSE(frames.empty());
    EXPECT_GE(frames[0].payload.size(), sizeof hello);
    std::memcpy(&hello, frames[0].payload.data(), sizeof hello);
    return svm::Features::from_words(hello.features[0], hello.features[1]);
}

TEST_F(KvmMachineTest, CpuidIsKvmsLessWhatIsHidden) {
    configuration_.hidden_features = {"svm"};
    start_case_runner(true);
    const auto all = features_of(read());
    EXPECT_TRUE(all.test(svm::Feature::long_mode));
    EXPECT_TRUE(all.test(svm::Feature::sse));
    EXPECT_FALSE(all.test(svm::Feature::svm));
    EXPECT_TRUE(all.test(svm::Feature::hypervisor));

    configuration_.hidden_features = {"svm", "x2apic", "hypervisor"};
    start_case_runner(true);
    const auto fewer = features_of(read());
    auto expected = all;
    EXPECT_TRUE(expected.test(svm::Feature::x2apic));
    expected.clear(svm::Feature::x2apic).clear(svm::Feature::hypervisor);
    EXPECT_EQ(fewer, expected);
}

} // namespace
} // namespace vmrunit::runner
