// SPDX-License-Identifier: GPL-2.0-only
// results.jsonl: one JSON object per line, written as things happen and never rewritten, so that a
// crash of the runner loses nothing that had a verdict. Every other report can be made from it.
//
// Lines by "type": run (first), subject, started, result, failed (to be run again, so a result
// follows), machine, summary (last).
#pragma once

#include "host_runner/report/output.hpp"
#include "host_runner/report/run_record.hpp"

#include <filesystem>

namespace vmrunit::runner {

class JournalWriter final : public Reporter {
public:
    explicit JournalWriter(Output& output) : output_{output} {}
    void set_system(SystemFacts facts) { system_ = std::move(facts); }

    void run_started(const RunInfo& info) override;
    void subject_known(const std::vector<std::string>& features,
                       const SubjectFacts& more_facts) override;
    void case_started(std::string_view name) override;
    void case_finished(const CaseResult& result) override;
    void case_to_be_retried(const CaseResult& so_far) override;
    void machine_event(const MachineEvent& event) override;
    void run_finished(const RunSummary& summary) override;
    [[nodiscard]] std::optional<Error> trouble() const override { return output_.trouble(); }

private:
    Output& output_;
    SystemFacts system_;
};

/// Reads a journal back. A last line that a crash cut short is dropped; anything else that is no
/// journal is an error with its line.
[[nodiscard]] Result<RunRecord> read_journal(const std::filesystem::path& path);

} // namespace vmrunit::runner
