// SPDX-License-Identifier: GPL-2.0-only
// Runs cases on a target: plan, machine, stream, judge, for as many machines as it takes. A machine
// is one boot of one image with L1 in one mode, so each mode has machines of its own. A case whose
// machine dies or stalls gets its verdict, and a new machine runs the rest.
//
// Driven from outside by step(), so that Google Test's order, a progress line or another program
// can own the loop. Holds no global state: two sessions in one process do not know of each other.
#pragma once

#include "cases/model/case.hpp"
#include "harness/wire/frame_parser.hpp"
#include "host_runner/judge/judge.hpp"
#include "host_runner/payload/payload_images.hpp"
#include "host_runner/session/execution.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/verdict.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace vmrunit::runner {

/// Hears what happens, from inside step().
class SessionListener {
public:
    virtual ~SessionListener() = default;
    virtual void subject_known(const HelloRecord& /*hello*/) {}
    virtual void machine_started(unsigned /*machine*/, std::chrono::nanoseconds /*boot*/) {}
    /// `running` is the case that was under way; empty between cases.
    virtual void machine_died(unsigned /*machine*/, const std::string& /*how*/,
                              const std::string& /*running*/) {}
    virtual void case_started(const cases::Case& /*subject*/) {}
    virtual void case_finished(const cases::Case& /*subject*/, const CaseResult& /*result*/) {}
};

struct SessionOptions {
    std::chrono::milliseconds case_limit{10'000}; ///< From begin to record; see limit_of().
    /// Is a hang of this case no news? Then a fifth of the limit is enough.
    std::function<bool(const cases::Case&)> known_to_hang{};
    std::chrono::milliseconds boot_limit{60'000}; ///< From the machine to its hello.
    std::uint32_t ring_size = 0x1000 + 0x100000;  ///< Header page and data, where memory is shared.
    bool use_ring = true;                         ///< false: port 0xE9 even where memory is shared.
    std::size_t cases_per_machine = 0;            ///< 0: as many as it lives for.
    std::uint32_t plan_flags = 0;                 ///< wire::PlanFlags.
};

class Session final : public Execution {
public:
    /// Everything referred to outlives the session.
    Session(Target& target, const PayloadImages& images, SessionOptions options,
            SessionListener& listener);
    ~Session() override;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] Result<void> load(std::span<const cases::Case* const> cases) override;
    void step(std::chrono::milliseconds limit) override;
    /// Every case has its result; where the plan measures, the machine has also told its ticks.
    [[nodiscard]] bool finished() const override {
        const bool measures = (options_.plan_flags & wire::plan_measures) != 0;
        return open_cases_ == 0 && !(measures && machine_);
    }
    /// The result of a loaded case; nothing while it is open.
    [[nodiscard]] const CaseResult* result(const cases::Case& subject) const;
    /// Gives every open case this verdict and stops the machine.
    void abandon(Verdict verdict, const std::string& reason);
    void abandon_silently() override;

    [[nodiscard]] unsigned machines_started() const override { return machines_; }
    /// The record behind the result that a listener is being told; for `bench`.
    [[nodiscard]] const std::optional<Record>& last_record() const { return last_record_; }
    /// Where the plan measures: ticks of all cases of the machines that came to their end.
    [[nodiscard]] std::uint64_t guest_ticks() const { return guest_ticks_; }
    /// Time spent decoding and judging records.
    [[nodiscard]] std::chrono::nanoseconds judging_time() const { return judging_time_; }

private:
    using Clock = std::chrono::steady_clock;

    struct Entry {
        const cases::Case* subject = nullptr;
        std::optional<Resolver> resolve; ///< Empty: the payload has no image for its L1 mode.
        EncodedCase encoded;
        std::optional<CaseResult> result;
        bool sent = false; ///< Part of the running machine's plan.
    };

    /// Cases that no image can run get their verdict.
    void skip_unrunnable();
    void start_machine();
    void stop_machine();
    void read_machine(std::chrono::milliseconds limit);
    void handle(const wire::Event& event);
    void handle(const wire::Frame& frame);
    void handle_hello(const wire::Frame& frame);
    void handle_begin(const wire::Frame& frame);
    void handle_record(const wire::Frame& frame);
    void handle_log(const wire::Frame& frame);
    void handle_end(const wire::Frame& frame);
    /// A line for the report of the running case.
    void note(std::string line);
    [[nodiscard]] std::chrono::milliseconds limit_of(const cases::Case& subject) const;
    /// The limit of the running case, where it has waited for longer.
    [[nodiscard]] std::optional<std::chrono::milliseconds>
    overrun(std::chrono::nanoseconds waited) const;
    void check_deadline();
    void machine_ended(const MachineEnd& end);
    /// Stops it behind the end of its plan, and hears what it says to that.
    void finish_machine();
    /// The verdict of the record that came last stands from now on.
    void close_held();
    void settle_running(Verdict verdict, std::string reason,
                        std::optional<std::chrono::milliseconds> timed_out_after = {});
    /// The result of a case that ran on the machine at hand.
    void settle(std::size_t position, CaseResult result);
    void complete(CaseResult& result);
    void close(std::size_t position, CaseResult result);
    [[nodiscard]] Entry* entry_of(std::uint32_t index);

    Target& target_;
    const PayloadImages& images_;
    SessionOptions options_;
    SessionListener& listener_;
    std::map<const PayloadImage*, PristineArena> pristine_;

    std::vector<Entry> entries_;
    std::unordered_map<const cases::Case*, std::size_t> positions_; ///< In entries_.
    std::size_t open_cases_ = 0;
    std::size_t unrunnable_ = 0; ///< Of the open cases those that no image can run.

    std::unique_ptr<Machine> machine_;
    const PayloadImage* booted_ = nullptr; ///< The image of the machine at hand.
    wire::FrameParser parser_;
    unsigned machines_ = 0;
    unsigned fruitless_ = 0; ///< Machines in a row that ended without settling a case.
    bool settled_any_ = false;
    std::optional<HelloRecord> hello_;
    std::optional<std::size_t> running_;
    /// A case is over once the next one begins or the machine is stopped: what the kernel under
    /// test complains about until then is its.
    struct Held {
        std::size_t position;
        CaseResult result;
    };
    std::optional<Held> held_;
    Clock::time_point since_{}; ///< Start of the machine, then of the running case.
    /// When the machine was there: a target may take its time to start one, and knows how much.
    Clock::time_point there_since_{};
    std::uint64_t garbage_ = 0; ///< Bytes that were no frame since `since_`.
    std::vector<std::string> log_;
    std::optional<Record> last_record_;
    std::uint64_t guest_ticks_ = 0;
    std::chrono::nanoseconds judging_time_{};
};

} // namespace vmrunit::runner
