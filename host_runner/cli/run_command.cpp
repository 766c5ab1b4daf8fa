// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit run`: the cases a filter selects, on one target.
#include "host_runner/cli/case_text.hpp"
#include "host_runner/cli/choose_target.hpp"
#include "host_runner/cli/commands.hpp"
#include "host_runner/cli/interrupt.hpp"
#include "host_runner/cli/run_input.hpp"
#include "host_runner/gtest/gtest_run.hpp"
#include "host_runner/history/history.hpp"
#include "host_runner/report/html/html_report.hpp"
#include "host_runner/report/results_file.hpp"
#include "host_runner/report/run_folder.hpp"
#include "host_runner/selection/case_filter.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace vmrunit::runner {

namespace {

/// Our switches in Google Test's words; what the user gave it directly comes last and wins.
std::vector<std::string> gtest_arguments(const RunOptions& options) {
    std::vector<std::string> arguments{"vmrunit"};
    if (options.shuffle) {
        arguments.emplace_back("--gtest_shuffle");
    }
    arguments.push_back(fmt::format("--gtest_random_seed={}", options.seed));
    if (options.repeat != 1) {
        arguments.push_back(fmt::format("--gtest_repeat={}", options.repeat));
    }
    if (options.fail_fast) {
        arguments.emplace_back("--gtest_fail_fast");
    }
    arguments.insert(arguments.end(), options.gtest_arguments.begin(),
                     options.gtest_arguments.end());
    return arguments;
}

/// Leaves of `chosen` what failed in the newest run, and returns that run's baseline; its target,
/// if none is named.
Result<std::string> keep_failed(const RunOptions& options, CommonOptions& common,
                                std::vector<const cases::Case*>& chosen) {
    auto runs = options.reports.runs_folder.empty()
                    ? default_runs_folder()
                    : Result<std::filesystem::path>{options.reports.runs_folder};
    if (!runs) {
        return tl::unexpected(runs.error());
    }
    const auto last = newest_run(*runs, common.target);
    if (!last) {
        return failure(fmt::format("{} has no finished run{}", runs->string(),
                                   common.target.empty() ? "" : " of " + common.target),
                       "leave --failed out");
    }
    const auto record = read_results(*last);
    if (!record) {
        return tl::unexpected(record.error());
    }
    std::set<std::string_view> failed;
    for (const CaseResult& result : record->results) {
        if (result.verdict == Verdict::fail || result.verdict == Verdict::error) {
            failed.insert(result.name);
        }
    }
    std::erase_if(chosen, [&](const cases::Case* one) { return !failed.contains(one->name); });
    if (chosen.empty()) {
        return failure(fmt::format("none of these cases failed in {}", last->string()),
                       "leave --failed out");
    }
    if (common.target.empty()) {
        common.target = record->info.target;
    }
    return record->info.baseline;
}

/// What is wrong with the reports asked for, before anything is started.
std::optional<Error> bad_reports(const ReportOptions& reports) {
    if (!reports.kcidb.empty()) {
        if (auto bad = bad_build_id(reports.kcidb_names.build)) {
            return bad;
        }
    }
    return ReportSet::bad_destination(reports);
}

/// What the page shows beside the run: the cases' definitions, and the run before this one.
ReportOptions prepare_html(const Program& program, const CommonOptions& common,
                           const RunOptions& options, const std::string& target) {
    ReportOptions reports = options.reports;
    if (reports.html.empty()) {
        return reports;
    }
    std::shared_ptr<RunRecord> before;
    auto runs = reports.runs_folder.empty() ? default_runs_folder()
                                            : Result<std::filesystem::path>{reports.runs_folder};
    if (const auto last = runs ? newest_run(*runs, target) : std::nullopt) {
        if (auto record = read_results(*last)) {
            before = std::make_shared<RunRecord>(std::move(*record));
        }
    }
    reports.make_html = [&program, before, definition = case_definitions(common.payload),
                         source_url = options.source_url](const RunRecord& record) {
        HtmlInput page{.record = record,
                       .columns = {},
                       .comparison = nullptr,
                       .comparison_title = "Since the previous run on this target",
                       .catalogue = program.catalogue,
                       .definition = definition,
                       .source_url = source_url};
        if (before == nullptr) {
            return html_report(page);
        }
        RunRecord same_cases = *before;
        keep_common(same_cases, record);
        const Comparison comparison = compare(same_cases, record);
        page.comparison = comparison.common != 0 ? &comparison : nullptr;
        return html_report(page);
    };
    return reports;
}

} // namespace

CommandResult run_command(const Program& program, const CommonOptions& common,
                          const RunOptions& options, const std::vector<std::string>& command_line) {
    auto chosen = select_cases(program.catalogue, common.filters);
    if (!chosen) {
        return usage_error(chosen.error());
    }
    if (options.reverse) {
        std::ranges::reverse(*chosen);
    }
    const auto shard = shard_from_environment();
    if (!shard) {
        return usage_error(shard.error());
    }
    if (auto bad = bad_reports(options.reports)) {
        return usage_error(*bad);
    }
    CommonOptions with_target = common;
    std::string baseline_before;
    if (options.failed) {
        auto kept = keep_failed(options, with_target, *chosen);
        if (!kept) {
            return usage_error(kept.error());
        }
        baseline_before = std::move(*kept);
    }
    std::optional<History> history;
    if (!options.history.empty()) {
        auto opened = History::open(options.history, true);
        if (!opened) {
            return usage_error(opened.error());
        }
        history.emplace(std::move(*opened));
    }
    auto target = choose_target(program, with_target);
    if (!target) {
        return tl::unexpected(target.error());
    }
    // What failed without the target's own baseline is not to be known by it now.
    if (with_target.baseline.empty() && !baseline_before.empty() &&
        baseline_before != (*target)->baseline_name()) {
        with_target.baseline = baseline_before;
    }
    const Availability available = (*target)->availability();
    if (!available.available) {
        fmt::print(stderr, "vmrunit: target {} cannot be tested here: {}\n", (*target)->name(),
                   Error{available.reason, available.cure}.line());
        return RunOutcome::skipped;
    }
    auto images = load_images(program, common);
    if (!images) {
        return tl::unexpected(images.error());
    }
    // A mistake of the command line is told before a kernel is fetched.
    std::optional<Baseline> baseline;
    const auto take_baseline = [&]() -> std::optional<Error> {
        auto loaded = load_baseline(with_target, **target);
        if (!loaded) {
            return loaded.error();
        }
        baseline.emplace(std::move(*loaded));
        return std::nullopt;
    };
    if (!with_target.baseline.empty()) {
        if (auto bad = take_baseline()) {
            return usage_error(*bad);
        }
    }
    if (auto ready = (*target)->prepare(); !ready) {
        return operation_error(ready.error());
    }
    if (!baseline) {
        if (auto bad = take_baseline()) {
            return operation_error(*bad);
        }
    }
    const auto more_targets =
        create_more_targets(program, common, **target, options.jobs, chosen->size());
    if (!more_targets) {
        return operation_error(more_targets.error());
    }
    auto report_options = prepare_html(program, common, options, (*target)->name());
    auto reports = ReportSet::open(std::move(report_options), (*target)->name());
    if (!reports) {
        return operation_error(reports.error());
    }

    const GtestRunInput input{.run = run_input(program, with_target, options, command_line,
                                               {.target = **target,
                                                .images = *images,
                                                .baseline = *baseline,
                                                .reporter = **reports,
                                                .subject = (*target)->availability().reason,
                                                .shard = *shard,
                                                .more_targets = *more_targets}),
                              .cases = *chosen,
                              .interrupted = InterruptWatch::interrupted};
    const InterruptWatch watch;
    GtestRunResult result = run_through_gtest(input, gtest_arguments(options));
    if (!result.problem) {
        return operation_error(result.problem.error());
    }
    if (result.nothing_matched) {
        return usage_error({"Google Test's filter leaves no case",
                            "names there have a dot in place of the second slash"});
    }
    if (result.planned == 0) {
        return RunOutcome::passed; // A list of tests, or a shard that has none.
    }
    if (history) {
        if (auto added = history->add((*reports)->record()); !added) {
            return operation_error(added.error());
        }
    }
    return outcome_of({.counts = result.counts,
                       .planned = result.planned,
                       .strict = options.strict,
                       .interrupted = result.interrupted,
                       .report_trouble = (*reports)->trouble().has_value()});
}

} // namespace vmrunit::runner
