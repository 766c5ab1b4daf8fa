// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit report`: reports of runs that are over, made from what they left. Several files are the
// shards of one run and become one again.
#include "host_runner/cli/case_text.hpp"
#include "host_runner/cli/commands.hpp"
#include "host_runner/report/html/html_report.hpp"
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/junit.hpp"
#include "host_runner/report/kcidb.hpp"
#include "host_runner/report/output.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/results_file.hpp"
#include "host_runner/report/summary_text.hpp"
#include "host_runner/report/terminal.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

/// Adds a shard's results to those of the shards before it.
void merge(RunRecord& all, RunRecord shard) {
    all.info.cases += shard.info.cases;
    all.info.shard = {};
    all.info.started = std::min(all.info.started, shard.info.started);
    all.info.strict = all.info.strict || shard.info.strict;
    std::ranges::move(shard.results, std::back_inserter(all.results));
    std::ranges::move(shard.events, std::back_inserter(all.events));
    if (!all.summary || !shard.summary) {
        all.summary.reset(); // One of them did not come to its end, so all together did not.
        all.running = all.running.empty() ? shard.running : all.running;
        return;
    }
    RunSummary& sum = *all.summary;
    sum.counts = all.counts();
    sum.wall_time = std::max(sum.wall_time, shard.summary->wall_time); // Shards run side by side.
    sum.machines_started += shard.summary->machines_started;
    sum.restarts += shard.summary->restarts;
    sum.restart_cost += shard.summary->restart_cost;
    sum.interrupted = sum.interrupted || shard.summary->interrupted;
    for (StaleEntry& entry : shard.summary->stale) {
        const bool known = std::ranges::any_of(sum.stale, [&](const StaleEntry& one) {
            return one.file == entry.file && one.line == entry.line;
        });
        if (!known) {
            sum.stale.push_back(std::move(entry));
        }
    }
    std::ranges::move(shard.summary->troubles, std::back_inserter(sum.troubles));
}

/// One file may be a part of a run; several must be all its parts, each once.
std::optional<Error> check_parts(const std::vector<std::filesystem::path>& files,
                                 const std::vector<Shard>& shards) {
    const unsigned total = shards.front().total;
    std::set<unsigned> seen;
    for (std::size_t i = 0; i < shards.size(); ++i) {
        const auto [index, of] = shards[i];
        if (of < 2 || of != total) {
            return Error{fmt::format("{} is {}", files[i].string(),
                                     of < 2 ? "no shard"
                                            : fmt::format("one of {} shards, {} one of {}", of,
                                                          files.front().string(), total)),
                         "shards come from GTEST_TOTAL_SHARDS; vmrunit diff compares other runs"};
        }
        if (!seen.insert(index).second) {
            return Error{
                fmt::format("{} is shard {} of {} once more", files[i].string(), index, of),
                "name each shard once"};
        }
    }
    for (unsigned index = 0; index < total; ++index) {
        if (!seen.contains(index)) {
            return Error{fmt::format("shard {} of {} is missing", index, total),
                         "its run left no results, or its file is not named"};
        }
    }
    return std::nullopt;
}

Result<RunRecord> read_all(const std::vector<std::filesystem::path>& files) {
    std::optional<RunRecord> all;
    std::vector<Shard> shards;
    for (const std::filesystem::path& file : files) {
        auto record = read_results(file);
        if (!record) {
            return record;
        }
        shards.push_back(record->info.shard);
        if (!all) {
            all.emplace(std::move(*record));
            continue;
        }
        if (all->info.target != record->info.target ||
            all->info.payload_build_id != record->info.payload_build_id) {
            return failure(fmt::format("{} is no shard of the same run as {}: {} with payload {}, "
                                       "not {} with payload {}",
                                       file.string(), files.front().string(), record->info.target,
                                       record->info.payload_build_id, all->info.target,
                                       all->info.payload_build_id),
                           "vmrunit diff compares runs that differ");
        }
        merge(*all, std::move(*record));
    }
    if (files.size() > 1) {
        if (auto wrong = check_parts(files, shards)) {
            return tl::unexpected(*wrong);
        }
    }
    return std::move(*all);
}

} // namespace

CommandResult report_command(const Program& program, const CommonOptions& common,
                             const ReportCommandOptions& options) {
    const ReportOptions& wanted = options.reports;
    if (!wanted.kcidb.empty()) {
        if (auto bad = bad_build_id(wanted.kcidb_names.build)) {
            return usage_error(*bad);
        }
    }
    if (auto bad = ReportSet::bad_destination(wanted)) {
        return usage_error(*bad);
    }
    auto record = read_all(options.files);
    if (!record) {
        return usage_error(record.error());
    }
    const auto write = [](const std::string& path, const auto& make) -> std::optional<Error> {
        return path.empty() ? std::nullopt : write_whole_file(path, make());
    };
    const auto html = [&] {
        return html_report({.record = *record,
                            .columns = {},
                            .comparison = nullptr,
                            .comparison_title = {},
                            .catalogue = program.catalogue,
                            .definition = case_definitions(common.payload),
                            .source_url = options.source_url});
    };
    for (const auto& trouble :
         {write(wanted.json, [&] { return json_report(*record); }),
          write(wanted.junit, [&] { return junit_report(*record); }),
          write(wanted.kcidb, [&] { return kcidb_report(*record, wanted.kcidb_names); }),
          write(wanted.html, html)}) {
        if (trouble) {
            return operation_error(*trouble);
        }
    }
    if (wanted.json.empty() && wanted.junit.empty() && wanted.kcidb.empty() &&
        wanted.html.empty()) {
        fmt::print("{}", text_report(*record));
    }
    if (const std::string why = record->why_incomplete(); !why.empty()) {
        fmt::print(stderr, "vmrunit: {}\n", one_line(why));
    }
    if (record->info.cases == 0 && record->info.shard.is_part()) {
        return RunOutcome::passed; // There are more shards than cases.
    }
    return outcome_of({.counts = record->counts(),
                       .planned = record->info.cases,
                       .strict = record->info.strict,
                       .interrupted = record->summary && record->summary->interrupted,
                       .report_trouble = false});
}

} // namespace vmrunit::runner
