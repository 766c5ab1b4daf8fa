// SPDX-License-Identifier: GPL-2.0-only
// See json_values.hpp. What is absent or empty is left out of a case, so that the thousands that
// pass stay short.
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace vmrunit::runner {
namespace {

Json texts(const std::vector<std::string>& lines) {
    Json array = Json::array();
    for (const std::string& line : lines) {
        array.push_back(valid_utf8(line));
    }
    return array;
}

Json facts_json(const std::vector<std::pair<std::string, std::string>>& facts) {
    Json object = Json::object();
    for (const auto& [name, value] : facts) {
        object[valid_utf8(name)] = valid_utf8(value);
    }
    return object;
}

void add_text(Json& json, const char* key, const std::string& text) {
    if (!text.empty()) {
        json[key] = valid_utf8(text);
    }
}

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

Json field_json(const FieldDifference& field) {
    Json json{{"field", valid_utf8(field.field)},
              {"expected", valid_utf8(field.expected)},
              {"actual", valid_utf8(field.actual)}};
    add_text(json, "changed_bits", field.changed_bits);
    json["matches"] = field.matches;
    return json;
}

Json code_json(const CodeLine& line) {
    Json json{{"address", fmt::format("{:#x}", line.address)},
              {"bytes", valid_utf8(line.bytes)},
              {"text", valid_utf8(line.text)}};
    add_text(json, "note", line.note);
    return json;
}

} // namespace

std::string utc_time(std::chrono::system_clock::time_point time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)));
}

std::string dumped(const Json& json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json counts_json(const VerdictCounts& counts) {
    return {{"total", counts.total()},
            {"pass", counts[Verdict::pass]},
            {"fail", counts[Verdict::fail]},
            {"skip", counts[Verdict::skip]},
            {"error", counts[Verdict::error]},
            {"xfail", counts[Verdict::expected_fail]},
            {"xpass", counts[Verdict::unexpected_pass]},
            {"unconfirmed", counts.unconfirmed},
            {"flaky", counts.flaky}};
}

Json case_json(const CaseResult& result) {
    Json json{{"name", valid_utf8(result.name)}, {"verdict", to_string(result.verdict)}};
    add_text(json, "reason", result.reason);
    add_text(json, "manual", result.manual);
    if (!result.place.file.empty()) {
        json["file"] = valid_utf8(result.place.file);
        json["line"] = result.place.line;
    }
    if (result.exit_code) {
        json["exit_code"] = fmt::format("{:#05x}", *result.exit_code);
    }
    json["duration_ns"] = result.duration.count();
    json["machine"] = result.machine;
    json["masked_bytes"] = result.masked_bytes;
    json["confirmed"] = result.confirmed;
    if (result.timed_out_after) {
        json["timed_out_after_ms"] = result.timed_out_after->count();
    }
    for (const FieldDifference& field : result.fields) {
        json["fields"].push_back(field_json(field));
    }
    for (const CodeLine& line : result.code) {
        json["code"].push_back(code_json(line));
    }
    if (!result.guest_log.empty()) {
        json["guest_log"] = texts(result.guest_log);
    }
    for (const Attempt& attempt : result.attempts) {
        json["attempts"].push_back(
            {{"verdict", to_string(attempt.verdict)}, {"reason", valid_utf8(attempt.reason)}});
    }
    if (result.intermittent) {
        json["intermittent"] = true;
    }
    if (result.flaky()) {
        json["flaky"] = true;
    }
    add_text(json, "repeat", result.repeat_command);
    return json;
}

Json event_json(const MachineEvent& event) {
    Json json{{"machine", event.machine}, {"event", to_string(event.what)}};
    add_text(json, "text", event.text);
    add_text(json, "case", event.case_name);
    json["cost_seconds"] = seconds(event.cost);
    return json;
}

Json subject_json(const std::vector<std::string>& features, const SubjectFacts& facts) {
    return {{"features", texts(features)}, {"facts", facts_json(facts)}};
}

Json run_json(const RunInfo& info, const SystemFacts& system) {
    Json target{{"name", valid_utf8(info.target)},
                {"subject", valid_utf8(info.subject)},
                {"baseline", valid_utf8(info.baseline)}};
    target.update(subject_json(info.features, info.facts));
    Json run{{"started", utc_time(info.started)},
             {"cases", info.cases},
             {"seed", info.seed},
             {"strict", info.strict},
             {"command_line", texts(info.command_line)}};
    if (info.shard.is_part()) {
        run["shard"] = {{"index", info.shard.index}, {"total", info.shard.total}};
    }
    return {{"schema_version", results_schema_version},
            {"tool",
             {{"name", "vmrunit"},
              {"version", valid_utf8(info.version)},
              {"payload_build_id", valid_utf8(info.payload_build_id)}}},
            {"target", std::move(target)},
            {"run", std::move(run)},
            {"system", facts_json(system)}};
}

Json summary_json(const RunSummary& summary) {
    Json stale = Json::array();
    for (const StaleEntry& entry : summary.stale) {
        stale.push_back({{"file", valid_utf8(entry.file)},
                         {"line", entry.line},
                         {"cases", valid_utf8(entry.cases)},
                         {"why", valid_utf8(entry.why)}});
    }
    Json troubles = Json::array();
    for (const Error& error : summary.troubles) {
        troubles.push_back(valid_utf8(error.line()));
    }
    return {{"wall_seconds", seconds(summary.wall_time)},
            {"interrupted", summary.interrupted},
            {"machines_started", summary.machines_started},
            {"restarts", summary.restarts},
            {"restart_seconds", seconds(summary.restart_cost)},
            {"stale", std::move(stale)},
            {"troubles", std::move(troubles)}};
}

} // namespace vmrunit::runner
