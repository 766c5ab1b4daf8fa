// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit diff`: two runs, from their files or made now.
#include "host_runner/cli/case_text.hpp"
#include "host_runner/cli/child_run.hpp"
#include "host_runner/cli/commands.hpp"
#include "host_runner/cli/interrupt.hpp"
#include "host_runner/compare/comparison_text.hpp"
#include "host_runner/report/html/html_report.hpp"
#include "host_runner/report/output.hpp"
#include "host_runner/report/results_file.hpp"
#include "host_runner/report/terminal.hpp"
#include "host_runner/selection/case_filter.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <set>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

bool is_target(const Program& program, const std::string& word) {
    const std::string kind = word.substr(0, word.find_first_of(":@,"));
    return std::ranges::any_of(program.targets.factories(),
                               [&](const TargetFactory& one) { return one.name == kind; });
}

tl::expected<RunRecord, CommandError> side(const Program& program, const CommonOptions& common,
                                           const DiffOptions& options, const std::string& word) {
    std::error_code ignored;
    if (std::filesystem::exists(word, ignored)) {
        auto record = read_results(word);
        return record ? tl::expected<RunRecord, CommandError>{std::move(*record)}
                      : usage_error(record.error());
    }
    if (!is_target(program, word)) {
        return usage_error({word + " is neither a file nor a target",
                            "give a result file, a run's folder, or a target of vmrunit targets"});
    }
    fmt::print(stderr, "vmrunit: running {}\n", word);
    const InterruptWatch watch;
    auto ran = run_in_child({.filters = common.filters,
                             .target = word,
                             .more_arguments = shared_arguments(common, options.case_seconds)});
    if (!ran) {
        return tl::unexpected(CommandError{ran.error(), InterruptWatch::interrupted()
                                                            ? RunOutcome::interrupted
                                                            : RunOutcome::broken});
    }
    return std::move(ran->record);
}

/// A file may hold more than the filter asks for, and names that the tables no longer have.
Result<void> keep_chosen(const Program& program, const CommonOptions& common, RunRecord& record) {
    if (common.filters.empty()) {
        return {};
    }
    auto chosen = select_cases(program.catalogue, common.filters);
    if (!chosen) {
        return tl::unexpected(chosen.error());
    }
    std::set<std::string_view> names;
    for (const cases::Case* one : *chosen) {
        names.insert(one->name);
    }
    const std::size_t all = record.results.size();
    std::erase_if(record.results,
                  [&](const CaseResult& result) { return !names.contains(result.name); });
    record.info.cases -= std::min(record.info.cases, all - record.results.size());
    return {};
}

} // namespace

CommandResult diff_command(const Program& program, const CommonOptions& common,
                           const DiffOptions& options) {
    for (const std::string& path : {options.markdown, options.html}) {
        if (!path.empty()) {
            if (auto trouble = cannot_write(path)) {
                return usage_error(*trouble);
            }
        }
    }
    auto before = side(program, common, options, options.before);
    if (!before) {
        return tl::unexpected(before.error());
    }
    auto after = side(program, common, options, options.after);
    if (!after) {
        return tl::unexpected(after.error());
    }
    for (RunRecord* record : {&*before, &*after}) {
        if (auto kept = keep_chosen(program, common, *record); !kept) {
            return usage_error(kept.error());
        }
    }
    const Comparison comparison = compare(*before, *after);
    if (comparison.common == 0) {
        return usage_error({"no case is in both runs", "compare runs of the same cases"});
    }
    const bool text_is_free = options.markdown != "-";
    const Terminal terminal =
        terminal_of(text_is_free ? STDOUT_FILENO : STDERR_FILENO, options.colour);
    ComparisonLayout layout{
        .width = terminal.width(), .colour = terminal.colour, .strict = options.strict};
    if (options.verbose) {
        layout.most_names = before->results.size() + after->results.size();
    }
    fmt::print(text_is_free ? stdout : stderr, "{}", comparison_text(comparison, layout));
    if (!options.markdown.empty()) {
        layout.most_names = std::max<std::size_t>(layout.most_names, 20);
        if (auto trouble =
                write_whole_file(options.markdown, comparison_markdown(comparison, layout))) {
            return operation_error(*trouble);
        }
    }
    if (!options.html.empty()) {
        const HtmlInput page{.record = *after,
                             .columns = {&*before, &*after},
                             .comparison = &comparison,
                             .comparison_title = "From A to B",
                             .catalogue = program.catalogue,
                             .definition = case_definitions(common.payload),
                             .source_url = options.source_url};
        if (auto trouble = write_whole_file(options.html, html_report(page))) {
            return operation_error(*trouble);
        }
    }
    if (comparison.regressed(options.strict)) {
        return RunOutcome::failed;
    }
    // What B did not get to may have got worse.
    return after->why_incomplete().empty() ? RunOutcome::passed : RunOutcome::broken;
}

} // namespace vmrunit::runner
