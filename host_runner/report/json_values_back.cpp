// SPDX-License-Identifier: GPL-2.0-only
// The way back from JSON, for a journal whose run did not live to make its reports. See
// json_values.hpp.
#include "host_runner/report/json_values.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>

namespace vmrunit::runner {
namespace {

std::uint64_t number_from(const std::string& hex) {
    std::size_t used = 0;
    const std::uint64_t number = std::stoull(hex, &used, 16);
    if (used != hex.size()) {
        throw std::invalid_argument{"not a number: " + hex};
    }
    return number;
}

std::chrono::nanoseconds duration_from(double seconds) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(seconds));
}

std::chrono::system_clock::time_point time_from(const std::string& text) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end == nullptr || *end != '\0') {
        throw std::invalid_argument{"not a time: " + text};
    }
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

Verdict verdict_from(const std::string& word) {
    const auto* found = std::ranges::find(verdict_names, word);
    if (found == verdict_names.end()) {
        throw std::invalid_argument{"not a verdict: " + word};
    }
    return static_cast<Verdict>(found - verdict_names.begin());
}

std::string text(const Json& json, const char* key) {
    return json.value(key, std::string{});
}

/// The elements of an array that may be absent.
const Json& elements(const Json& json, const char* key) {
    static const Json none = Json::array();
    const auto found = json.find(key);
    return found == json.end() ? none : *found;
}

} // namespace

SystemFacts facts_from(const Json& json) {
    SystemFacts facts;
    for (const auto& [name, value] : json.items()) {
        facts.emplace_back(name, value.get<std::string>());
    }
    return facts;
}

CaseResult case_from(const Json& json) {
    CaseResult result;
    json.at("name").get_to(result.name);
    result.verdict = verdict_from(json.at("verdict"));
    result.reason = text(json, "reason");
    result.manual = text(json, "manual");
    result.place = {text(json, "file"), json.value("line", 0u)};
    result.repeat_command = text(json, "repeat");
    if (const auto code = json.find("exit_code"); code != json.end()) {
        result.exit_code = number_from(*code);
    }
    result.duration = std::chrono::nanoseconds{json.at("duration_ns").get<std::int64_t>()};
    json.at("machine").get_to(result.machine);
    json.at("masked_bytes").get_to(result.masked_bytes);
    json.at("confirmed").get_to(result.confirmed);
    result.intermittent = json.value("intermittent", false);
    if (const auto limit = json.find("timed_out_after_ms"); limit != json.end()) {
        result.timed_out_after = std::chrono::milliseconds{limit->get<std::int64_t>()};
    }
    for (const Json& field : elements(json, "fields")) {
        result.fields.push_back({.field = field.at("field"),
                                 .expected = field.at("expected"),
                                 .actual = field.at("actual"),
                                 .changed_bits = text(field, "changed_bits"),
                                 .matches = field.at("matches")});
    }
    for (const Json& line : elements(json, "code")) {
        result.code.push_back({.address = number_from(line.at("address")),
                               .bytes = line.at("bytes"),
                               .text = line.at("text"),
                               .note = text(line, "note")});
    }
    elements(json, "guest_log").get_to(result.guest_log);
    for (const Json& attempt : elements(json, "attempts")) {
        result.attempts.push_back({verdict_from(attempt.at("verdict")), attempt.at("reason")});
    }
    return result;
}

MachineEvent event_from(const Json& json) {
    MachineEvent event;
    const std::string what = json.at("event");
    if (what != "started" && what != "died") {
        throw std::invalid_argument{"not a machine event: " + what};
    }
    event.what = what == "died" ? MachineEvent::What::died : MachineEvent::What::started;
    json.at("machine").get_to(event.machine);
    event.text = text(json, "text");
    event.case_name = text(json, "case");
    event.cost = duration_from(json.at("cost_seconds"));
    return event;
}

RunInfo run_from(const Json& json) {
    const Json& tool = json.at("tool");
    const Json& target = json.at("target");
    const Json& run = json.at("run");
    RunInfo info;
    target.at("name").get_to(info.target);
    target.at("subject").get_to(info.subject);
    target.at("baseline").get_to(info.baseline);
    info.facts = facts_from(target.at("facts"));
    target.at("features").get_to(info.features);
    run.at("cases").get_to(info.cases);
    run.at("seed").get_to(info.seed);
    tool.at("version").get_to(info.version);
    tool.at("payload_build_id").get_to(info.payload_build_id);
    run.at("command_line").get_to(info.command_line);
    info.started = time_from(run.at("started"));
    run.at("strict").get_to(info.strict);
    if (const auto shard = run.find("shard"); shard != run.end()) {
        shard->at("index").get_to(info.shard.index);
        shard->at("total").get_to(info.shard.total);
    }
    return info;
}

RunSummary summary_from(const Json& json) {
    RunSummary summary;
    summary.wall_time = duration_from(json.at("wall_seconds"));
    json.at("interrupted").get_to(summary.interrupted);
    json.at("machines_started").get_to(summary.machines_started);
    json.at("restarts").get_to(summary.restarts);
    summary.restart_cost = duration_from(json.at("restart_seconds"));
    for (const Json& entry : json.at("stale")) {
        summary.stale.push_back({.file = entry.at("file"),
                                 .line = entry.at("line"),
                                 .cases = entry.at("cases"),
                                 .why = entry.at("why")});
    }
    for (const Json& trouble : json.at("troubles")) {
        summary.troubles.push_back({trouble.get<std::string>(), {}});
    }
    return summary;
}

} // namespace vmrunit::runner
