// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit run`: the cases a filter selects, on one target.
#include "host_runner/cli/choose_target.hpp"
#include "host_runner/cli/commands.hpp"
#include "host_runner/cli/interrupt.hpp"
#include "host_runner/gtest/gtest_run.hpp"
#include "host_runner/selection/case_filter.hpp"

#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <random>

namespace vmrunit::runner {

namespace {

Result<Baseline> load_baseline(const CommonOptions& common, const Target& target) {
    if (common.baseline == "none") {
        return Baseline{};
    }
    if (!common.baseline.empty()) {
        return Baseline::load(common.baseline);
    }
    return Baseline::load_for(common.baselines_folder, target.baseline_name());
}

/// Our switches in Google Test's words; what the user gave it directly comes last and wins.
std::vector<std::string> gtest_arguments(const RunOptions& options, unsigned seed) {
    std::vector<std::string> arguments{"vmrunit"};
    if (options.shuffle) {
        arguments.emplace_back("--gtest_shuffle");
    }
    arguments.push_back(fmt::format("--gtest_random_seed={}", seed));
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

/// Google Test takes seeds from 1 to 99999.
unsigned choose_seed(const RunOptions& options) {
    if (options.seed != 0 || !options.shuffle) {
        return options.seed;
    }
    return std::random_device{}() % 99999 + 1;
}

} // namespace

CommandResult run_command(const Program& program, const CommonOptions& common,
                          const RunOptions& options, const std::vector<std::string>& command_line) {
    auto chosen = select_cases(program.catalogue, common.filters);
    if (!chosen) {
        return usage_error(chosen.error());
    }
    auto target = choose_target(program, common);
    if (!target) {
        return tl::unexpected(target.error());
    }
    const Availability available = (*target)->availability();
    if (!available.available) {
        fmt::print(stderr, "vmrunit: target {} cannot be tested here: {}\n", (*target)->name(),
                   Error{available.reason, available.cure}.line());
        return RunOutcome::skipped;
    }
    auto image = PayloadImage::load(common.payload);
    if (!image) {
        return operation_error(image.error());
    }
    auto baseline = load_baseline(common, **target);
    if (!baseline) {
        return operation_error(baseline.error());
    }
    const SubjectFacts facts = (*target)->facts();
    baseline->select_version(facts);
    auto reports = ReportSet::open(options.reports, (*target)->name());
    if (!reports) {
        return operation_error(reports.error());
    }

    const unsigned seed = choose_seed(options);
    GtestRunInput input{.target = **target,
                        .image = *image,
                        .cases = *chosen,
                        .session = {},
                        .baseline = *baseline,
                        .reporter = **reports,
                        .info = {},
                        .repeat_command = {},
                        .interrupted = InterruptWatch::interrupted,
                        .all_names = {}};
    input.session.case_limit =
        std::chrono::milliseconds{static_cast<long>(options.case_seconds * 1000)};
    input.session.use_ring = options.use_ring;
    input.session.cases_per_machine = options.isolate ? 1 : 0;
    input.info.target = (*target)->name();
    input.info.subject = available.reason;
    input.info.baseline = common.baseline.empty() ? (*target)->baseline_name() : common.baseline;
    input.info.facts = facts;
    input.info.seed = seed;
    input.info.version = program.version;
    input.info.payload_build_id = image->build_id_text();
    input.info.command_line = command_line;
    input.info.started = std::chrono::system_clock::now();
    input.info.strict = options.strict;
    input.repeat_command = [&](const std::string& name) {
        return fmt::format("vmrunit run {} --target {}", name, (*target)->name());
    };
    for (const cases::Case& one : program.catalogue.cases()) {
        input.all_names.push_back(one.name);
    }

    const InterruptWatch watch;
    GtestRunResult result = run_through_gtest(input, gtest_arguments(options, seed));
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
    return outcome_of({.counts = result.counts,
                       .planned = result.planned,
                       .strict = options.strict,
                       .interrupted = result.interrupted,
                       .report_trouble = (*reports)->trouble().has_value()});
}

} // namespace vmrunit::runner
