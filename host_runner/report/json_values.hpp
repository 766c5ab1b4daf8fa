// SPDX-License-Identifier: GPL-2.0-only
// What a report says, as JSON values and back: one form for the journal and for the JSON report.
// results-1.schema.json describes it. Text is made valid UTF-8 on the way out.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <nlohmann/json.hpp>

namespace vmrunit::runner {

inline constexpr int results_schema_version = 1;

using Json = nlohmann::ordered_json;

[[nodiscard]] Json case_json(const CaseResult& result);
[[nodiscard]] Json event_json(const MachineEvent& event);
/// "schema_version", "tool", "target", "run" and "system".
[[nodiscard]] Json run_json(const RunInfo& info, const SystemFacts& system);
[[nodiscard]] Json subject_json(const std::vector<std::string>& features,
                                const SubjectFacts& facts);
[[nodiscard]] Json summary_json(const RunSummary& summary);
[[nodiscard]] Json counts_json(const VerdictCounts& counts);
[[nodiscard]] std::string utc_time(std::chrono::system_clock::time_point time);
/// One line, whatever bytes are in it.
[[nodiscard]] std::string dumped(const Json& json, int indent = -1);

/// The way back. These throw nlohmann::json::exception or std::invalid_argument where `json` is not
/// what the functions above make.
[[nodiscard]] CaseResult case_from(const Json& json);
[[nodiscard]] MachineEvent event_from(const Json& json);
[[nodiscard]] RunInfo run_from(const Json& json);
[[nodiscard]] SystemFacts facts_from(const Json& json);
[[nodiscard]] RunSummary summary_from(const Json& json);

} // namespace vmrunit::runner
