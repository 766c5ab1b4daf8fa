// SPDX-License-Identifier: GPL-2.0-only
// See journal.hpp.
#include "host_runner/report/journal.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <map>

namespace vmrunit::runner {
namespace {

std::string line_of(const char* type, const Json& content) {
    // `content` is an object: its brace makes room for the type.
    return fmt::format("{{\"type\":\"{}\",{}\n", type, dumped(content).substr(1));
}

/// Cases that failed and whose retry has no result yet.
using Unsettled = std::map<std::string, CaseResult>;

void take_line(RunRecord& record, Unsettled& unsettled, const Json& json) {
    const std::string type = json.at("type");
    if (type == "run") {
        if (json.at("schema_version") != results_schema_version) {
            throw std::invalid_argument{"written by another version of vmrunit"};
        }
        record.info = run_from(json);
        record.system = facts_from(json.at("system"));
    } else if (type == "subject") {
        json.at("features").get_to(record.info.features);
        merge_facts(record.info.facts, facts_from(json.at("facts")));
    } else if (type == "started") {
        json.at("name").get_to(record.running);
    } else if (type == "result") {
        record.results.push_back(case_from(json));
        unsettled.erase(record.results.back().name);
        record.running.clear();
    } else if (type == "failed") {
        CaseResult so_far = case_from(json);
        unsettled.insert_or_assign(so_far.name, std::move(so_far));
        record.running.clear();
    } else if (type == "machine") {
        record.events.push_back(event_from(json));
    } else if (type == "summary") {
        record.summary = summary_from(json);
        record.summary->counts = record.counts();
    } else {
        throw std::invalid_argument{"unknown type of line: " + type};
    }
}

} // namespace

void JournalWriter::run_started(const RunInfo& info) {
    output_.write(line_of("run", run_json(info, system_)));
}

void JournalWriter::subject_known(const std::vector<std::string>& features,
                                  const SubjectFacts& more_facts) {
    output_.write(line_of("subject", subject_json(features, more_facts)));
}

void JournalWriter::case_started(std::string_view name) {
    output_.write(line_of("started", {{"name", valid_utf8(name)}}));
}

void JournalWriter::case_finished(const CaseResult& result) {
    output_.write(line_of("result", case_json(result)));
}

void JournalWriter::case_to_be_retried(const CaseResult& so_far) {
    output_.write(line_of("failed", case_json(so_far)));
}

void JournalWriter::machine_event(const MachineEvent& event) {
    output_.write(line_of("machine", event_json(event)));
}

void JournalWriter::run_finished(const RunSummary& summary) {
    output_.write(line_of("summary", summary_json(summary)));
}

Result<RunRecord> read_journal(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        return failure(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
    }
    RunRecord record;
    Unsettled unsettled;
    unsigned number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (file.eof()) {
            break; // No newline behind it: the runner died while it wrote this line.
        }
        try {
            const Json json = Json::parse(line);
            if ((number == 1) != (json.at("type") == "run")) {
                throw std::invalid_argument{"the line that describes the run must be the first"};
            }
            take_line(record, unsettled, json);
        } catch (const std::exception& error) { // Of nlohmann::json, of std::stoull, of ours.
            return failure(fmt::format("{}:{}: not a vmrunit journal: {}", path.string(), number,
                                       error.what()),
                           "give the results.jsonl of a run");
        }
    }
    if (number == 0 || record.info.version.empty()) {
        return failure(fmt::format("{}: not a vmrunit journal: it has no run", path.string()),
                       "give the results.jsonl of a run");
    }
    // The runner died before their retries: their failures are what is known.
    for (auto& [name, result] : unsettled) {
        record.results.push_back(std::move(result));
    }
    return record;
}

} // namespace vmrunit::runner
