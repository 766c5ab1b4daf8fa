// SPDX-License-Identifier: GPL-2.0-only
// See json_report.hpp.
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"

namespace vmrunit::runner {

std::string json_report(const RunRecord& record) {
    Json json = run_json(record.info, record.system);
    const std::string why_incomplete = record.why_incomplete();
    json["run"]["complete"] = why_incomplete.empty();
    if (!why_incomplete.empty()) {
        json["run"]["why_incomplete"] = valid_utf8(why_incomplete);
    }
    std::uint64_t masked_bytes = 0;
    for (const CaseResult& result : record.results) {
        masked_bytes += result.masked_bytes;
    }
    Json summary = counts_json(record.counts());
    summary["masked_bytes"] = masked_bytes;
    if (record.summary) {
        summary.update(summary_json(*record.summary));
    }
    json["summary"] = std::move(summary);

    Json machines = Json::array();
    for (const MachineEvent& event : record.events) {
        machines.push_back(event_json(event));
    }
    json["machines"] = std::move(machines);

    Json results = Json::array();
    for (const CaseResult& result : record.results) {
        results.push_back(case_json(result));
    }
    json["results"] = std::move(results);
    return dumped(json, 1) + "\n";
}

} // namespace vmrunit::runner
