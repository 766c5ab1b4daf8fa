// SPDX-License-Identifier: GPL-2.0-only
// One target, its session, its baseline and its reports: what every command that runs cases has in
// common, whoever decides on order and pace (Google Test for `run`, a plain loop for `matrix`).
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/baseline/baseline.hpp"
#include "host_runner/report/reporter.hpp"
#include "host_runner/session/session.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace vmrunit::runner {

/// What such a run is made of. Everything referred to outlives it.
struct ReportedRunInput {
    Target& target;
    const PayloadImages& images;
    SessionOptions session;
    Baseline& baseline;
    Reporter& reporter;
    RunInfo info;
    /// The command that repeats a case, for its failure report.
    std::function<std::string(const std::string& case_name)> repeat_command;
    /// Known names, for baseline entries that match none.
    std::vector<std::string> all_names;
    /// Alike to `target`: with N of them, N + 1 machines run at a time.
    std::vector<Target*> more_targets{};
    /// How often a case that failed is run again, after all others and on a new machine.
    unsigned retries = 0;
};

/// Hears the session, applies the baseline, tells the reporter and keeps the results. What failed
/// and is to be run again has no result until that is done.
class ReportedRun final : public SessionListener {
public:
    explicit ReportedRun(const ReportedRunInput& input);

    /// Takes cases to run, in order; results of cases loaded before are forgotten. The first call
    /// opens the reports, which expect `rounds` times as many verdicts. Fails if a row cannot be
    /// encoded.
    [[nodiscard]] Result<void> load(const std::vector<const cases::Case*>& order,
                                    std::size_t rounds = 1);
    /// From the first failure on no further result is taken: what ran ahead of whoever asks for
    /// results is as if it had not run. Not together with retries.
    void stop_at_failure() { stops_at_failure_ = true; }
    /// Of the order in which cases are about to be loaded; before the first load().
    void set_seed(std::uint64_t seed) { seed_ = seed; }
    /// As Session::step, and lets the reporter show that time passes.
    void step(std::chrono::milliseconds limit);
    /// Every case has its result, and none waits for a retry.
    [[nodiscard]] bool finished() const { return session_->finished() && waiting_.empty(); }
    /// nullptr while the case is open.
    [[nodiscard]] const CaseResult* result(const cases::Case& subject) const;

    /// Stops the machine, leaves open cases without a result and closes the reports. Once. A case
    /// whose retry is still to come keeps what it came to so far.
    void finish(bool interrupted);

    [[nodiscard]] const VerdictCounts& counts() const { return counts_; }
    [[nodiscard]] std::size_t planned() const { return planned_; }

    // SessionListener
    void subject_known(const HelloRecord& hello) override;
    void machine_started(unsigned machine, std::chrono::nanoseconds boot) override;
    void machine_died(unsigned machine, const std::string& how,
                      const std::string& running) override;
    void case_started(const cases::Case& subject) override;
    void case_finished(const cases::Case& subject, const CaseResult& raw) override;

private:
    using Clock = std::chrono::steady_clock;

    /// Loads those that wait, for a new machine.
    void begin_retries();
    void report(const cases::Case& subject, CaseResult result);
    void report_held();

    const ReportedRunInput& input_;
    VerdictCounts counts_;
    std::size_t planned_ = 0;
    bool started_ = false;
    bool stops_at_failure_ = false;
    bool stopped_ = false;
    std::uint64_t seed_ = 0;
    Clock::time_point start_{};
    bool died_before_ = false;
    unsigned restarts_ = 0;
    std::chrono::nanoseconds restart_cost_{};
    std::vector<std::string> features_;
    std::unordered_map<const cases::Case*, CaseResult> results_;
    std::set<std::string> ran_;
    std::vector<const cases::Case*> waiting_;                 ///< Failed, and not yet loaded again.
    std::vector<const cases::Case*> retrying_;                ///< Of the load at hand.
    std::unordered_map<const cases::Case*, CaseResult> held_; ///< What these came to so far.
    std::unique_ptr<Execution> session_; ///< Last: it tells the rest until it goes.
};

} // namespace vmrunit::runner
