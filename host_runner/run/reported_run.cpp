// SPDX-License-Identifier: GPL-2.0-only
// See reported_run.hpp.
#include "host_runner/run/reported_run.hpp"
#include "host_runner/session/blank_result.hpp"

#include "harness/svm/features.hpp"
#include "host_runner/report/text_failure.hpp"
#include "host_runner/session/parallel_session.hpp"

#include <algorithm>
#include <utility>

namespace vmrunit::runner {

namespace {

bool went_wrong(const CaseResult& result) {
    return result.verdict == Verdict::fail || result.verdict == Verdict::error;
}

void add_attempt(std::vector<Attempt>& attempts, const CaseResult& result) {
    attempts.push_back({result.verdict, short_reason(result)});
}

/// What stands after a retry: what it came to, unless it could not find out whether the failure
/// was one.
CaseResult after_retry(CaseResult before, CaseResult now) {
    std::vector<Attempt> attempts = std::move(before.attempts);
    if (attempts.empty()) {
        add_attempt(attempts, before);
    }
    add_attempt(attempts, now);
    const bool told_nothing = now.verdict == Verdict::error || now.verdict == Verdict::skip;
    CaseResult standing =
        told_nothing && before.verdict == Verdict::fail ? std::move(before) : std::move(now);
    standing.attempts = std::move(attempts);
    return standing;
}

} // namespace

ReportedRun::ReportedRun(const ReportedRunInput& input) : input_{input} {
    if (input.more_targets.empty()) {
        // Not where sessions have threads: they would read what this one writes.
        SessionOptions options = input.session;
        options.is_known_to_hang = [&baseline = input.baseline](const cases::Case& subject) {
            return baseline.expects_hang(subject.name);
        };
        session_ = std::make_unique<Session>(input.target, input.images, options, *this);
        return;
    }
    std::vector<Target*> targets{&input.target};
    targets.insert(targets.end(), input.more_targets.begin(), input.more_targets.end());
    session_ = std::make_unique<ParallelSession>(targets, input.images, input.session, *this);
}

Result<void> ReportedRun::load(const std::vector<const cases::Case*>& order, std::size_t rounds) {
    report_held();
    results_.clear();
    std::vector<const cases::Case*> to_run;
    std::vector<std::pair<const cases::Case*, std::string>> not_run;
    for (const cases::Case* const one : order) {
        if (std::string why = input_.baseline.why_not_run(one->name); !why.empty()) {
            not_run.emplace_back(one, std::move(why));
        } else {
            to_run.push_back(one);
        }
    }
    if (auto loaded = session_->load(to_run); !loaded) {
        return loaded;
    }
    if (!started_) {
        started_ = true;
        RunInfo info = input_.info;
        info.cases = order.size() * rounds;
        info.seed = seed_;
        planned_ = info.cases;
        start_ = Clock::now();
        input_.reporter.run_started(info);
    }
    for (const auto& [subject, why] : not_run) {
        CaseResult result = blank_result(*subject);
        result.verdict = Verdict::skip;
        result.reason = why;
        report(*subject, std::move(result));
    }
    return {};
}

void ReportedRun::step(std::chrono::milliseconds limit) {
    if (session_->finished() && !waiting_.empty()) {
        begin_retries();
    } else {
        session_->step(limit);
    }
    input_.reporter.idle();
}

const CaseResult* ReportedRun::result(const cases::Case& subject) const {
    const auto found = results_.find(&subject);
    return found == results_.end() ? nullptr : &found->second;
}

void ReportedRun::finish(bool interrupted) {
    session_->abandon_silently();
    report_held();
    RunSummary summary;
    summary.counts = counts_;
    summary.wall_time = started_ ? Clock::now() - start_ : Clock::duration{};
    summary.machines_started = session_->machines_started();
    summary.restarts = restarts_;
    summary.restart_cost = restart_cost_;
    summary.interrupted = interrupted;
    const bool every_case_ran = ran_.size() == input_.all_names.size();
    summary.stale = input_.baseline.stale(input_.all_names, every_case_ran);
    if (started_) {
        input_.reporter.run_finished(summary);
    }
}

void ReportedRun::subject_known(const HelloRecord& hello) {
    std::vector<std::string> names;
    for (const svm::FeatureInfo& info : svm::feature_table) {
        if (hello.features.test(info.feature)) {
            names.emplace_back(info.name);
        }
    }
    if (names != features_) {
        features_ = names;
        input_.reporter.subject_known(names, {});
    }
}

void ReportedRun::machine_started(unsigned machine, std::chrono::nanoseconds boot) {
    if (died_before_) {
        ++restarts_;
        restart_cost_ += boot;
    }
    died_before_ = false;
    input_.reporter.machine_event({MachineEvent::What::started, machine, {}, {}, boot});
}

void ReportedRun::machine_died(unsigned machine, const std::string& how,
                               const std::string& running) {
    died_before_ = true;
    input_.reporter.machine_event({MachineEvent::What::died, machine, how, running, {}});
}

void ReportedRun::case_started(const cases::Case& subject) {
    if (!stopped_) {
        input_.reporter.case_started(subject.name);
    }
}

void ReportedRun::case_finished(const cases::Case& subject, const CaseResult& raw) {
    CaseResult result = raw;
    if (went_wrong(result)) {
        result.repeat_command = input_.repeat_command(result.name);
    }
    input_.baseline.apply(result);
    if (const auto before = held_.find(&subject); before != held_.end()) {
        result = after_retry(std::move(before->second), std::move(result));
        held_.erase(before);
    }
    // Where there was no machine to run it, another try is as little about the case.
    const bool ran = raw.machine != 0;
    const std::size_t times = std::max<std::size_t>(1, result.attempts.size());
    if (!ran || !went_wrong(result) || times > input_.retries) {
        return report(subject, std::move(result));
    }
    input_.reporter.case_to_be_retried(result);
    waiting_.push_back(&subject);
    held_.emplace(&subject, std::move(result));
}

void ReportedRun::begin_retries() {
    retrying_ = std::exchange(waiting_, {});
    if (!session_->load(retrying_)) {
        report_held(); // They were loaded before, so this cannot be; their failures stand.
    }
}

void ReportedRun::report(const cases::Case& subject, CaseResult result) {
    if (stopped_) {
        return;
    }
    stopped_ = stops_at_failure_ && went_wrong(result);
    counts_.add(result);
    ran_.insert(result.name);
    input_.reporter.case_finished(result);
    results_.emplace(&subject, std::move(result));
}

void ReportedRun::report_held() {
    for (const auto& some : {std::exchange(retrying_, {}), std::exchange(waiting_, {})}) {
        for (const cases::Case* const subject : some) {
            if (const auto held = held_.find(subject); held != held_.end()) {
                CaseResult result = std::move(held->second);
                held_.erase(held);
                report(*subject, std::move(result));
            }
        }
    }
}

} // namespace vmrunit::runner
