// SPDX-License-Identifier: GPL-2.0-only
// Everything that was reported of one run, kept in memory: what JUnit, JSON and the text report are
// made from at its end, or from its journal after a crash.
#pragma once

#include "host_runner/report/reporter.hpp"
#include "host_runner/report/system_info.hpp"

#include <optional>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct RunRecord {
    RunInfo info;
    SystemFacts system;
    std::vector<CaseResult> results; ///< In the order they arrived.
    std::vector<MachineEvent> events;
    std::string running; ///< The case that started and has no result; empty between cases.
    std::optional<RunSummary> summary; ///< Absent if the runner died before its end.

    [[nodiscard]] VerdictCounts counts() const;
    /// What it took to start machines anew and to wait for cases that hung; empty if nothing.
    [[nodiscard]] std::string restarts_text() const;
    /// Why not every case has a result, in one line; empty if every case has.
    [[nodiscard]] std::string why_incomplete() const;
};

/// Later facts replace earlier ones of the same name and keep their place.
void merge_facts(SubjectFacts& facts, const SubjectFacts& later);

/// Listens and keeps.
class Recorder final : public Reporter {
public:
    void run_started(const RunInfo& info) override;
    void subject_known(const std::vector<std::string>& features,
                       const SubjectFacts& more_facts) override;
    void case_started(std::string_view name) override { record_.running = name; }
    void case_finished(const CaseResult& result) override;
    void case_to_be_retried(const CaseResult&) override { record_.running.clear(); }
    void machine_event(const MachineEvent& event) override { record_.events.push_back(event); }
    void run_finished(const RunSummary& summary) override { record_.summary = summary; }

    void set_system(SystemFacts facts) { record_.system = std::move(facts); }
    [[nodiscard]] const RunRecord& record() const { return record_; }

private:
    RunRecord record_;
};

} // namespace vmrunit::runner
