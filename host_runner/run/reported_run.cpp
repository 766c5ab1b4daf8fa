// SPDX-License-Identifier: GPL-2.0-only
// See reported_run.hpp.
#include "host_runner/run/reported_run.hpp"

#include "harness/svm/features.hpp"
#include "host_runner/session/parallel_session.hpp"

namespace vmrunit::runner {

ReportedRun::ReportedRun(const ReportedRunInput& input) : input_{input} {
    if (input.more_targets.empty()) {
        session_ = std::make_unique<Session>(input.target, input.image, input.session, *this);
        return;
    }
    std::vector<Target*> targets{&input.target};
    targets.insert(targets.end(), input.more_targets.begin(), input.more_targets.end());
    session_ = std::make_unique<ParallelSession>(targets, input.image, input.session, *this);
}

Result<void> ReportedRun::load(const std::vector<const cases::Case*>& order, std::size_t rounds) {
    results_.clear();
    if (auto loaded = session_->load(order); !loaded) {
        return loaded;
    }
    if (!started_) {
        started_ = true;
        RunInfo info = input_.info;
        info.cases = order.size() * rounds;
        planned_ = info.cases;
        start_ = Clock::now();
        input_.reporter.run_started(info);
    }
    return {};
}

void ReportedRun::step(std::chrono::milliseconds limit) {
    session_->step(limit);
    input_.reporter.idle();
}

const CaseResult* ReportedRun::result(const cases::Case& subject) const {
    const auto found = results_.find(&subject);
    return found == results_.end() ? nullptr : &found->second;
}

void ReportedRun::finish(bool interrupted) {
    session_->abandon_silently();
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
    input_.reporter.case_started(subject.name);
}

void ReportedRun::case_finished(const cases::Case& subject, const CaseResult& raw) {
    CaseResult result = raw;
    if (result.verdict == Verdict::fail || result.verdict == Verdict::error) {
        result.repeat_command = input_.repeat_command(result.name);
    }
    input_.baseline.apply(result);
    counts_.add(result);
    ran_.insert(result.name);
    input_.reporter.case_finished(result);
    results_.emplace(&subject, std::move(result));
}

} // namespace vmrunit::runner
