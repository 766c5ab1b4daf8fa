// SPDX-License-Identifier: GPL-2.0-only
// See results_file.hpp.
#include "host_runner/report/results_file.hpp"
#include "host_runner/report/journal.hpp"
#include "host_runner/report/json_values.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

namespace vmrunit::runner {
namespace {

constexpr const char* what_to_give =
    "give a file written by --json, a run's folder, or its results.jsonl";

/// A journal's first line is a whole object of type "run"; that of a report is a lone brace.
bool begins_like_journal(const std::string& text) {
    const Json first = Json::parse(text.substr(0, text.find('\n')), nullptr, false);
    return first.is_object() && first.contains("type");
}

/// Is it a report at all, and one that we can read?
Result<void> check_kind(const Json& json, const std::string& name) {
    const auto tool = json.is_object() ? json.find("tool") : json.end();
    const bool ours = json.is_object() && tool != json.end() && tool->is_object() &&
                      tool->value("name", Json{}) == "vmrunit" && json.contains("schema_version");
    if (!ours) {
        return failure(name + ": not a result file of vmrunit", what_to_give);
    }
    if (const Json& version = json.at("schema_version"); version != results_schema_version) {
        return failure(fmt::format("{}: written with version {} of the results schema, read is "
                                   "version {}",
                                   name, dumped(version), results_schema_version),
                       fmt::format("compare with the vmrunit that wrote it ({}), or run again",
                                   dumped(tool->value("version", Json{"unknown"}))));
    }
    return {};
}

RunRecord record_from(const Json& json) {
    RunRecord record;
    record.info = run_from(json);
    record.system = facts_from(json.at("system"));
    for (const Json& result : json.at("results")) {
        record.results.push_back(case_from(result));
    }
    for (const Json& event : json.at("machines")) {
        record.events.push_back(event_from(event));
    }
    // The report of a run that died has counts, and nothing that only its end would have told.
    if (const Json& summary = json.at("summary"); summary.contains("wall_seconds")) {
        record.summary = summary_from(summary);
        record.summary->counts = record.counts();
    }
    return record;
}

Result<RunRecord> read_report(const std::string& text, const std::string& name) {
    Json json;
    try {
        json = Json::parse(text);
    } catch (const nlohmann::json::parse_error& error) {
        if (!text.starts_with('{')) {
            return failure(name + ": not a result file of vmrunit", what_to_give);
        }
        // The parser counts from 1, and an end that came too early as one more.
        const bool cut = error.byte > text.size();
        return failure(cut ? name + ": ends in the middle, the file was cut short"
                           : fmt::format("{}: damaged at byte {}", name, error.byte),
                       "the journal in the folder of its run has every verdict");
    }
    if (auto kind = check_kind(json, name); !kind) {
        return tl::unexpected(kind.error());
    }
    try {
        return record_from(json);
    } catch (const std::exception& error) { // Of nlohmann::json, of std::stoull, of ours.
        return failure(fmt::format("{}: not a result file of vmrunit: {}", name, error.what()),
                       what_to_give);
    }
}

} // namespace

Result<RunRecord> read_results(const std::filesystem::path& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        for (const char* name : {"results.json", "results.jsonl"}) {
            if (std::filesystem::exists(path / name, ignored)) {
                return read_results(path / name);
            }
        }
        return failure(path.string() + ": a folder without results.json and results.jsonl",
                       what_to_give);
    }
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        return failure(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
    }
    std::ostringstream content;
    content << file.rdbuf();
    const std::string text = content.str();
    if (text.empty()) {
        return failure(path.string() + ": empty", what_to_give);
    }
    return begins_like_journal(text) ? read_journal(path) : read_report(text, path.string());
}

} // namespace vmrunit::runner
