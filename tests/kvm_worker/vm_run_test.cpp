// SPDX-License-Identifier: GPL-2.0-only
// The supervisor around a VM process, with a process that only plays one: every way to talk, to
// end and not to end, on any machine. (kvm_machine_test.cpp has the real one.)
#include "host_runner/kvm_worker/vm_run.hpp"

#include "harness/wire/frame.hpp"
#include "harness/wire/record.hpp"
#include "host_runner/kvm_worker/guest_ports.hpp"
#include "tests/unit/process_watch.hpp"

#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <linux/kvm.h>
#include <poll.h>
#include <unistd.h>

namespace vmrunit::worker {

namespace {

/// What the process that plays a VM has at hand.
struct Stage {
    const BootMemory& memory;
    VmState& state;
    const VmSignals& signals;
};
std::function<void(Stage&)> play; // NOLINT(cert-err58-cpp)

} // namespace

/// In place of vm_process.cpp's.
void run_vm_process(const VmOptions& /*options*/, const BootMemory& memory, VmState& state,
                    const VmSignals& signals, pid_t /*supervisor*/) {
    state.set_up = 1;
    Stage stage{memory, state, signals};
    play(stage);
    ::_exit(0);
}

namespace {

using std::chrono::milliseconds;

struct Collector {
    std::string bytes;
    void write(std::span<const std::byte> more) {
        bytes.append(reinterpret_cast<const char*>(more.data()), more.size());
    }
};

std::string frame(wire::FrameType type, std::span<const std::byte> payload = {},
                  std::uint32_t number = 0) {
    static std::array<std::byte, 4096> buffer;
    Collector collector;
    wire::FrameSequence sequence{number};
    wire::FrameWriter writer{buffer, sequence, collector};
    EXPECT_TRUE(writer.send(type, payload));
    return collector.bytes;
}

std::string hello(wire::PlanError error = wire::PlanError::none) {
    wire::Hello head{};
    head.plan_error = static_cast<std::uint32_t>(error);
    return frame(wire::FrameType::hello, std::as_bytes(std::span{&head, 1}));
}

std::string end_of_plan() {
    return frame(wire::FrameType::end, {}, 1);
}

void say_by_port(Stage& stage, std::string text) {
    GuestPorts ports{stage.state, stage.signals};
    for (char& character : text) {
        kvm_shim_exit exit{};
        exit.reason = KVM_EXIT_IO;
        exit.address = 0xe9;
        exit.data = reinterpret_cast<std::uint8_t*>(&character);
        exit.count = exit.size = exit.is_write = 1;
        ports.serve(exit);
    }
}

struct StageDoorbell {
    Stage& stage;
    void ring() { say_by_port(stage, std::string(1, '\0')); }
    void relax() {}
};

wire::RingHeader& ring_header(const Stage& stage) {
    return *reinterpret_cast<wire::RingHeader*>(stage.memory.ring().data());
}

void format_ring(const Stage& stage) {
    wire::format_ring(ring_header(stage), stage.memory.ring().size() - sizeof(wire::RingHeader),
                      0x1000);
}

void say_by_ring(Stage& stage, const std::string& text) {
    StageDoorbell doorbell{stage};
    wire::RingProducer producer{ring_header(stage),
                                stage.memory.ring().subspan(sizeof(wire::RingHeader)), doorbell};
    producer.write(std::as_bytes(std::span{text}));
    producer.flush();
}

void wait_for_stop(Stage& stage) {
    while (stage.state.command == VmCommand::run) {
        pollfd news{stage.signals.control, POLLIN, 0};
        ::poll(&news, 1, -1);
    }
}

void claim(Stage& stage, VmCause cause, std::uint32_t reason = 0, std::uint64_t code = 0,
           std::initializer_list<std::uint64_t> values = {}) {
    auto& end = stage.state.end;
    end.cause = cause;
    end.exit_reason = reason;
    end.code = code;
    for (const auto value : values) {
        end.values[end.value_count++] = value;
    }
    end.claimed = 1;
}

/// An output that takes only so much, and then nothing, until it is emptied.
class Basket final : public OutputChannel {
public:
    std::size_t write(std::span<const std::byte> bytes) override {
        const auto count = std::min(bytes.size(), room);
        room -= count;
        content.append(reinterpret_cast<const char*>(bytes.data()), count);
        return count;
    }
    [[nodiscard]] bool closed() const override { return is_closed; }
    [[nodiscard]] bool synchronous() const override { return is_synchronous; }

    std::string content;
    std::size_t room = ~std::size_t{0};
    bool is_closed = false;
    bool is_synchronous = false;
};

class VmRunTest : public testing::Test {
protected:
    void TearDown() override { EXPECT_TRUE(runner::no_children_left()); }

    VmVerdict run(std::function<void(Stage&)> scenario) {
        play = std::move(scenario);
        const auto memory = BootMemory::build(payload_, {}, 4 << 20, ring_, window_);
        EXPECT_TRUE(memory);
        return run_vm({}, *memory, !window_.empty(), limits_, output_,
                      {[this] { return stop_(); }, [] { return -1; }});
    }
    void expect(const VmVerdict& verdict, HowEnded how, const std::string& detail) {
        EXPECT_EQ(to_string(verdict.how), to_string(how)) << verdict.detail;
        EXPECT_EQ(verdict.detail, detail);
    }

    PayloadFile payload_; ///< Empty, for nobody runs it.
    RingPlace ring_{1 << 20, sizeof(wire::RingHeader) + 0x4000};
    std::span<std::byte> window_;
    RunLimits limits_{.boot = milliseconds{10'000}, .record = milliseconds{10'000}};
    Basket output_;
    std::function<bool()> stop_ = [] { return false; };
};

TEST_F(VmRunTest, AStreamByThePort) {
    const auto stream = hello() + end_of_plan();
    const auto verdict = run([&](Stage& stage) {
        say_by_port(stage, stream);
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::finished, "the plan is done");
    EXPECT_EQ(output_.content, stream);
    EXPECT_EQ(verdict.stream, stream.size());
}

TEST_F(VmRunTest, AStreamByTheRingAndWordsByThePort) {
    const auto stream = hello() + end_of_plan();
    const auto verdict = run([&](Stage& stage) {
        format_ring(stage);
        say_by_port(stage, "an L2 was here");
        say_by_ring(stage, stream);
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::finished, "the plan is done; by the port: an L2 was here");
    EXPECT_EQ(output_.content, stream);
    EXPECT_EQ(verdict.stream, stream.size());
}

TEST_F(VmRunTest, ALongStreamIsWhole) {
    const std::string words(200, 'w');
    std::string stream = hello();
    for (std::uint32_t i = 1; i < 2000; ++i) {
        stream += frame(wire::FrameType::log, std::as_bytes(std::span{words}), i);
    }
    stream += frame(wire::FrameType::end, {}, 2000);
    for (const bool by_ring : {false, true}) {
        output_.content.clear();
        const auto verdict = run([&](Stage& stage) {
            if (by_ring) {
                format_ring(stage);
                say_by_ring(stage, stream);
            } else {
                say_by_port(stage, stream);
            }
            wait_for_stop(stage);
        });
        expect(verdict, HowEnded::finished, "the plan is done");
        EXPECT_TRUE(output_.content == stream) << output_.content.size();
    }
}

TEST_F(VmRunTest, APayloadThatRefusesItsPlanIsDone) {
    const auto verdict = run([](Stage& stage) {
        say_by_port(stage, hello(wire::PlanError::bad_crc));
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::finished, "the payload refused its plan");
}

TEST_F(VmRunTest, WhatTheRingHoldsWhenTheProcessIsKilledIsRead) {
    const auto stream = hello() + frame(wire::FrameType::log, {}, 1);
    const auto verdict = run([&](Stage& stage) {
        format_ring(stage);
        say_by_ring(stage, stream);
        ::raise(SIGKILL);
    });
    expect(verdict, HowEnded::process_died, "the VM process was killed by signal 9");
    EXPECT_EQ(output_.content, stream);
}

TEST_F(VmRunTest, EndsThatKvmReports) {
    expect(run([](Stage& stage) { claim(stage, VmCause::shutdown, KVM_EXIT_SHUTDOWN); }),
           HowEnded::shutdown, "KVM_EXIT_SHUTDOWN (triple fault) on cpu 0");
    expect(run([](Stage& stage) {
               claim(stage, VmCause::internal_error, KVM_EXIT_INTERNAL_ERROR, 4, {0x7f, 0x10});
           }),
           HowEnded::internal_error,
           "KVM_EXIT_INTERNAL_ERROR on cpu 0: suberror 4 (unexpected exit reason of the "
           "hardware), data 0x7f 0x10");
    expect(run([](Stage& stage) {
               claim(stage, VmCause::internal_error, KVM_EXIT_INTERNAL_ERROR, 1,
                     {1, 0x00000000d8010f03, 0});
           }),
           HowEnded::internal_error,
           "KVM_EXIT_INTERNAL_ERROR on cpu 0: suberror 1 (emulation failed), instruction 0f 01 "
           "d8, data 0x1 0xd8010f03 0x0");
    expect(run([](Stage& stage) {
               claim(stage, VmCause::failed_entry, KVM_EXIT_FAIL_ENTRY, 0xffff'ffff'ffff'ffff);
           }),
           HowEnded::failed_entry,
           "KVM_EXIT_FAIL_ENTRY on cpu 0: the hardware's reason 0xffffffffffffffff");
    expect(run([](Stage& stage) {
               claim(stage, VmCause::system_event, KVM_EXIT_SYSTEM_EVENT, 2, {5});
           }),
           HowEnded::system_event, "KVM_EXIT_SYSTEM_EVENT on cpu 0: type 2 (reset), data 0x5");
    expect(
        run([](Stage& stage) { claim(stage, VmCause::unexpected_exit, KVM_EXIT_UNKNOWN, 0x7d); }),
        HowEnded::unexpected_exit, "KVM_EXIT_UNKNOWN (0) on cpu 0: 0x7d");
    expect(run([](Stage& stage) { claim(stage, VmCause::run_failed, 0, EFAULT); }),
           HowEnded::run_failed, "KVM_RUN on cpu 0: Bad address");
    expect(run([](Stage& stage) { claim(stage, VmCause::halted); }), HowEnded::halted,
           "all CPUs halted for good");
}

TEST_F(VmRunTest, RegistersOfStartedCpusAreShown) {
    const auto verdict = run([](Stage& stage) {
        auto& cpu = stage.state.cpus[0];
        cpu.state.rip = 0x100015;
        cpu.state.cr0 = 0x80000011;
        cpu.state.in_nested_guest = 1;
        cpu.valid = 1;
        stage.state.cpus[1].state.mp_state = KVM_MP_STATE_UNINITIALIZED;
        stage.state.cpus[1].valid = 1;
        claim(stage, VmCause::shutdown);
    });
    expect(verdict, HowEnded::shutdown,
           "KVM_EXIT_SHUTDOWN (triple fault) on cpu 0; cpu 0 in L2: rip 0x100015, rsp 0x0, rflags "
           "0x0, cr0 0x80000011, cr2 0x0, cr3 0x0, cr4 0x0, efer 0x0, cpl 0");
}

TEST_F(VmRunTest, AnAssertionOfTheLibraryIsQuoted) {
    const auto verdict = run([](Stage& stage) {
        stage.state.set_up = 0;
        static constexpr std::string_view words =
            "==== Test Assertion Failure ====\n  lib/kvm_util.c:136: vm->fd >= 0\n"
            "  pid=7 tid=7 errno=12 - Cannot allocate memory\n  (stack trace empty)\n"
            "  KVM_CREATE_VM failed\n";
        static_cast<void>(!::write(STDERR_FILENO, words.data(), words.size()));
        ::_exit(254);
    });
    expect(verdict, HowEnded::not_started,
           "the KVM selftests library gave up: lib/kvm_util.c:136: vm->fd >= 0; pid=7 tid=7 "
           "errno=12 - Cannot allocate memory; KVM_CREATE_VM failed");
    // The same with EACCES in errno is exit status 4.
    expect(run([](Stage& stage) {
               stage.state.set_up = 0;
               ::_exit(4);
           }),
           HowEnded::not_started, "the KVM selftests library gave up");
    // When the vCPUs ran already it is an accident.
    expect(run([](Stage&) { ::_exit(254); }), HowEnded::process_died,
           "the KVM selftests library gave up");
}

TEST_F(VmRunTest, AProcessThatLeavesWithoutAWord) {
    expect(run([](Stage&) { ::_exit(3); }), HowEnded::process_died,
           "the VM process left with exit status 3");
    expect(run([](Stage&) {}), HowEnded::process_died, "the VM process left with exit status 0");
}

TEST_F(VmRunTest, NoHelloWithinItsLimit) {
    limits_.boot = milliseconds{50};
    expect(run(wait_for_stop), HowEnded::hung, "no hello within 50 ms");
}

TEST_F(VmRunTest, NoRecordWithinItsLimit) {
    limits_.record = milliseconds{50};
    for (const bool by_ring : {false, true}) {
        expect(run([&](Stage& stage) {
                   if (by_ring) {
                       format_ring(stage);
                       say_by_ring(stage, hello());
                   } else {
                       say_by_port(stage, hello());
                   }
                   wait_for_stop(stage);
               }),
               HowEnded::hung, "no record within 50 ms");
    }
}

TEST_F(VmRunTest, AFloodOfGarbageIsNoProgress) {
    limits_.record = milliseconds{50};
    const auto verdict = run([](Stage& stage) {
        say_by_port(stage, hello());
        while (stage.state.command == VmCommand::run) {
            say_by_port(stage, "garbage");
        }
    });
    expect(verdict, HowEnded::hung, "no record within 50 ms");
}

TEST_F(VmRunTest, WhoDoesNotStopIsKilled) {
    limits_.boot = milliseconds{50};
    expect(run([](Stage&) {
               for (;;) {
                   ::pause();
               }
           }),
           HowEnded::hung, "no hello within 50 ms");
}

TEST_F(VmRunTest, ToldToStop) {
    int asked = 0;
    stop_ = [&] { return ++asked > 3; };
    expect(run(wait_for_stop), HowEnded::stopped, "told to stop");
}

TEST_F(VmRunTest, NobodyReadsTheRecords) {
    output_.is_closed = true;
    expect(run(wait_for_stop), HowEnded::stream_lost, "nobody reads the records");
}

TEST_F(VmRunTest, AReaderThatIsSlowIsNotTheGuestsFault) {
    limits_.record = milliseconds{60};
    output_.room = 100;
    const auto stream = hello() + end_of_plan();
    int asked = 0;
    stop_ = [&] {
        if (++asked == 50) { // of a look every 4 ms
            output_.room = ~std::size_t{0};
        }
        return false;
    };
    const auto verdict = run([&](Stage& stage) {
        say_by_port(stage, stream);
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::finished, "the plan is done");
    EXPECT_EQ(output_.content, stream);
    EXPECT_GE(asked, 50);
}

TEST_F(VmRunTest, ARingThatStaysWrongIsLost) {
    const auto verdict = run([](Stage& stage) {
        format_ring(stage);
        ring_header(stage).producer += 0x10000;
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::stream_lost,
           "the ring is lost; the producer index is further ahead than the ring is large");
}

TEST_F(VmRunTest, ARingThatIsPutRightIsNot) {
    output_.is_synchronous = true; // a doorbell returns when the ring has been looked into
    const auto stream = hello() + end_of_plan();
    const auto verdict = run([&](Stage& stage) {
        format_ring(stage);
        ring_header(stage).producer += 0x10000;
        say_by_port(stage, std::string(1, '\0'));
        ring_header(stage).producer -= 0x10000;
        say_by_ring(stage, stream);
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::finished, "the plan is done");
    EXPECT_EQ(output_.content, stream);
}

TEST_F(VmRunTest, OnASlowWayOutEachFrameIsOutBeforeTheGuestGoesOn) {
    output_.is_synchronous = true;
    const auto stream = hello() + end_of_plan();
    const auto verdict = run([&](Stage& stage) {
        format_ring(stage);
        // As soon as the ring is seen, each frame is to be rung for, and a ring waits.
        while (wire::detail::load_acquire(ring_header(stage).doorbell_threshold) != 1) {
            ::usleep(1000);
        }
        say_by_ring(stage, hello());
        if (ring_header(stage).consumer != hello().size()) {
            ::_exit(5);
        }
        say_by_ring(stage, end_of_plan());
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::finished, "the plan is done");
    EXPECT_EQ(output_.content, stream);
}

TEST_F(VmRunTest, ARingThatOthersReadIsOnlyLookedInto) {
    auto window = Pages::shared(ring_.size);
    ASSERT_TRUE(window);
    window_ = window->bytes();
    auto& header = *reinterpret_cast<wire::RingHeader*>(window_.data());
    wire::format_ring(header, ring_.size - sizeof(wire::RingHeader), 0);
    header.producer = 17; // of the VM before
    const auto stream = hello() + end_of_plan();
    const auto verdict = run([&](Stage& stage) {
        if (wire::detail::load_acquire(ring_header(stage).magic) == wire::ring_magic) {
            ::_exit(5); // the reader outside would take the old stream for the new
        }
        format_ring(stage);
        say_by_ring(stage, stream);
        wait_for_stop(stage);
    });
    expect(verdict, HowEnded::finished, "the plan is done");
    EXPECT_EQ(output_.content, "");
    EXPECT_EQ(verdict.stream, stream.size());
    // The reader outside comes late and finds everything.
    wire::RingConsumer consumer{header, window_.subspan(sizeof header)};
    std::vector<std::byte> bytes(2 * stream.size());
    EXPECT_EQ(consumer.read(bytes).count, stream.size());
}

} // namespace
} // namespace vmrunit::worker
