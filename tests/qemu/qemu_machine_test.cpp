// SPDX-License-Identifier: GPL-2.0-only
// Machines of a real QEMU: every way to talk and to end, with a payload that does what its plan
// says (scripted_payload.S). After each test no process and no file may be left.
#include "host_runner/targets/qemu_machine.hpp"

#include "tests/qemu/qemu_under_test.hpp"
#include "tests/unit/machine_test.hpp"
#include "tests/unit/process_watch.hpp"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

namespace vmrunit::runner {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using How = MachineEnd::How;

class QemuMachineTest : public MachineTest<QemuMachine> {
protected:
    QemuMachineTest() { configuration_.program = qemu_under_test(); }
    void TearDown() override {
        machine_.reset();
        EXPECT_TRUE(no_children_left());
        EXPECT_TRUE(folder_for_files().empty()) << "files were left";
    }

    void start(const std::string& plan, const BootRequest& request) {
        BootRequest with_plan = request;
        for (const char letter : plan) {
            with_plan.plan.push_back(static_cast<std::byte>(letter));
        }
        auto started = QemuMachine::start(configuration_, with_plan);
        ASSERT_TRUE(started) << started.error().line();
        machine_ = std::move(*started);
    }

    QemuConfiguration configuration_;
};

/// What the payload's 'b' sends.
std::string much() {
    return counting_bytes(0x40000);
}

/// Waits until a process has written that many bytes to wherever it writes.
bool has_written(pid_t id, std::size_t bytes) {
    const auto deadline = Clock::now() + ample;
    while (Clock::now() < deadline) {
        std::ifstream counters{"/proc/" + std::to_string(id) + "/io"};
        std::string name;
        std::size_t value = 0;
        while (counters >> name >> value && name != "wchar:") {
        }
        if (name == "wchar:" && value >= bytes) {
            return true;
        }
        ::poll(nullptr, 0, 1);
    }
    return false;
}

TEST_F(QemuMachineTest, TalksByThePortAndTripleFaults) {
    start("pt", without_ring());
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "triple fault; eip 0x10");
}

TEST_F(QemuMachineTest, ThePortLosesNothing) {
    start("bt", without_ring());
    EXPECT_EQ(read(), much());
}

TEST_F(QemuMachineTest, AReaderThatIsLateLosesNothing) {
    start("bbt", without_ring());
    // The payload fills its pipe and waits; nothing is thrown away meanwhile.
    EXPECT_TRUE(has_written(machine_->process_id(), much().size()));
    EXPECT_EQ(read(), much() + much());
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(QemuMachineTest, TalksByTheRing) {
    start("rwwt", with_ring());
    EXPECT_EQ(read(), "ring\nring\n");
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(QemuMachineTest, WhatWasPublishedSurvivesTheGuest) {
    // No doorbell before the triple fault but the one of 'w', and the reader comes afterwards.
    start("rwt", with_ring());
    EXPECT_EQ(read(), "ring\n");
    EXPECT_EQ(read(), "") << "and only once";
    EXPECT_TRUE(ended_);
}

TEST_F(QemuMachineTest, TheRingRunsRoundAndRound) {
    start("rWWt", with_ring());
    EXPECT_EQ(read(), much() + much());
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(QemuMachineTest, BeforeThereIsARingThePortIsTheStream) {
    start("pt", with_ring());
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(QemuMachineTest, BesideTheRingThePortIsForLastWords) {
    start("rwpt", with_ring());
    EXPECT_EQ(read(), "ring\n");
    expect_end(How::triple_fault, "triple fault");
    EXPECT_TRUE(machine_->end().text.ends_with("; the guest said: hello")) << machine_->end().text;
}

TEST_F(QemuMachineTest, AnIndexThatIsMendedDoesNoHarm) {
    start("rwcmwt", with_ring());
    EXPECT_EQ(read(), "ring\nring\n");
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(QemuMachineTest, AnIndexThatStaysCorruptLosesTheMachine) {
    start("rcl", with_ring());
    EXPECT_EQ(read(), "");
    expect_end(How::lost, "ring indices corrupt; eip 0x10");
}

TEST_F(QemuMachineTest, ARingOfAnotherSizeLosesTheMachine) {
    start("rxl", with_ring());
    EXPECT_EQ(read(), "");
    expect_end(How::lost, "ring of another size");
}

TEST_F(QemuMachineTest, ACorruptRingDoesNotHideATripleFault) {
    start("rct", with_ring());
    EXPECT_EQ(read(), "");
    expect_end(How::triple_fault, "triple fault");
    EXPECT_TRUE(machine_->end().text.ends_with("; ring indices corrupt")) << machine_->end().text;
}

TEST_F(QemuMachineTest, ResetAndPowerOffAreNotCalledTripleFaults) {
    configuration_.machine = "q35";
    start("k", without_ring());
    EXPECT_EQ(read(), "");
    expect_end(How::triple_fault, "triple fault or reset by the guest");
    start("o", with_ring());
    EXPECT_EQ(read(), "");
    expect_end(How::triple_fault, "the guest switched its machine off");
}

TEST_F(QemuMachineTest, OtherMachinesWorkAsWell) {
    for (const char* machine : {"q35", "pc"}) {
        configuration_.machine = machine;
        start("rwt", with_ring());
        EXPECT_EQ(read(), "ring\n") << machine;
        expect_end(How::triple_fault, "triple fault");
    }
}

TEST_F(QemuMachineTest, AHangEndsWhenTheRunnerSaysSo) {
    for (const char* plan : {"pl", "ph"}) {
        start(plan, without_ring());
        EXPECT_EQ(read(6), "hello\n");
        std::array<std::byte, 16> bytes{};
        const auto begin = Clock::now();
        const auto outcome = machine_->read(bytes, milliseconds{50});
        EXPECT_EQ(outcome.bytes, 0u);
        EXPECT_FALSE(outcome.ended);
        EXPECT_GE(Clock::now() - begin, milliseconds{50});
        machine_->stop();
        EXPECT_TRUE(no_children_left());
        EXPECT_TRUE(machine_->read(bytes, ample).ended);
        EXPECT_EQ(machine_->end().how, How::finished);
        EXPECT_TRUE(machine_->end().text.starts_with("stopped by the runner; eip 0x10"))
            << machine_->end().text;
    }
}

TEST_F(QemuMachineTest, AFloodIsReadInBoundedPiecesAndCanBeStopped) {
    for (const auto& request : {without_ring(), with_ring()}) {
        start("f", request);
        EXPECT_GE(read(100'000).size(), 100'000u);
        machine_->stop();
        EXPECT_TRUE(no_children_left());
    }
}

TEST_F(QemuMachineTest, AFloodOfDoorbellsHidesNoRecord) {
    start("rwf", with_ring());
    EXPECT_EQ(read(5), "ring\n");
    std::array<std::byte, 16> bytes{};
    EXPECT_EQ(machine_->read(bytes, milliseconds{50}).bytes, 0u);
    machine_->stop();
    EXPECT_EQ(machine_->end().how, How::finished);
}

TEST_F(QemuMachineTest, AFloodOfResetsDoesNotHoldTheMachineUp) {
    start("iiiipt", without_ring()); // each INIT is a page in QEMU's log
    EXPECT_EQ(read(), "hello\n");
    expect_end(How::triple_fault, "triple fault");
}

TEST_F(QemuMachineTest, AKilledEmulatorIsNamed) {
    for (const auto& request : {without_ring(), with_ring()}) {
        start("psssss", request);
        EXPECT_EQ(read(6).substr(0, 6), "hello\n");
        ::kill(machine_->process_id(), SIGSEGV);
        read();
        expect_end(How::emulator_died, "QEMU: killed by SIGSEGV");
    }
}

TEST_F(QemuMachineTest, ATerminatedEmulatorIsNamed) {
    start("pl", without_ring());
    EXPECT_EQ(read(6), "hello\n");
    ::kill(machine_->process_id(), SIGTERM);
    EXPECT_EQ(read(), "");
    expect_end(How::emulator_died, "QEMU was told to end by a signal");
    EXPECT_NE(machine_->end().text.find("terminating on signal 15"), std::string::npos)
        << machine_->end().text;
}

TEST_F(QemuMachineTest, AnEmulatorKilledWhileNobodyReadsKeepsItsRecords) {
    start("rwl", with_ring());
    const int id = machine_->process_id();
    EXPECT_EQ(read(5), "ring\n");
    ::kill(id, SIGKILL);
    EXPECT_EQ(read(), "");
    expect_end(How::emulator_died, "QEMU: killed by SIGKILL");
}

TEST_F(QemuMachineTest, AStoppedEmulatorCanBeEnded) {
    // SIGSTOP: neither vCPU nor monitor answers.
    start("pl", without_ring());
    EXPECT_EQ(read(6), "hello\n");
    ::kill(machine_->process_id(), SIGSTOP);
    const auto begin = Clock::now();
    machine_->stop();
    EXPECT_LT(Clock::now() - begin, milliseconds{5000});
    EXPECT_TRUE(no_children_left());
    EXPECT_EQ(machine_->end().text, "stopped by the runner");
}

TEST_F(QemuMachineTest, StopsInAnyState) {
    start("l", with_ring());
    machine_->stop(); // before a single read
    machine_->stop();
    EXPECT_EQ(machine_->end().how, How::finished);
    start("t", with_ring());
    machine_.reset(); // without stop
    EXPECT_TRUE(no_children_left());
}

TEST_F(QemuMachineTest, TwoMachinesRunSideBySide) {
    std::unique_ptr<QemuMachine> other;
    start("rWl", with_ring());
    machine_.swap(other);
    start("rwt", with_ring());
    EXPECT_EQ(read(), "ring\n");
    machine_.swap(other);
    EXPECT_EQ(read(much().size()), much());
}

TEST_F(QemuMachineTest, WhatQemuRefusesIsSaidInItsWords) {
    const auto why = [this](const BootRequest& request) {
        const auto started = QemuMachine::start(configuration_, request);
        return started ? std::string{"started"} : started.error().line();
    };
    auto missing = without_ring();
    missing.image = "/vmrunit/no-image";
    EXPECT_EQ(why(missing), "QEMU did not start the machine: qemu: could not open kernel file "
                            "'/vmrunit/no-image': No such file or directory");
    configuration_.cpu = "no-such-cpu";
    EXPECT_NE(why(without_ring()).find("unable to find CPU model 'no-such-cpu'"), std::string::npos)
        << why(without_ring());
    configuration_.cpu = "max";
    auto outside = with_ring();
    outside.ring_address = 64 << 20;
    EXPECT_EQ(why(outside), "the ring lies outside the machine's 64 MiB of memory");
}

TEST_F(QemuMachineTest, NothingOutlivesAKilledRunner) {
    auto line = open_pipe_to_read();
    ASSERT_TRUE(line);
    for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
        const pid_t runner = ::fork();
        if (runner == 0) {
            ::signal(signal, SIG_DFL);
            start("rwl", with_ring());
            const std::string text = std::to_string(machine_ ? machine_->process_id() : 0) + "\n";
            static_cast<void>(!::write(line->theirs.number(), text.data(), text.size()));
            for (;;) {
                ::pause();
            }
        }
        ASSERT_GT(runner, 0);
        const pid_t emulator = std::stoi(read_line(line->ours.number()));
        ASSERT_GT(emulator, 0);
        EXPECT_TRUE(is_running(emulator));
        ::kill(runner, signal);
        EXPECT_EQ(::waitpid(runner, nullptr, 0), runner);
        EXPECT_TRUE(ends_within(emulator, ample));
    }
}

} // namespace
} // namespace vmrunit::runner
