// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit coverage`: what of the specification the cases show, and what came of it.
#include "host_runner/cli/commands.hpp"
#include "host_runner/coverage/coverage_html.hpp"
#include "host_runner/coverage/coverage_text.hpp"
#include "host_runner/coverage/result_files.hpp"
#include "host_runner/report/run_folder.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>

namespace vmrunit::runner {

namespace {

Result<std::vector<TargetResults>> results_for(const CoverageOptions& options) {
    std::vector<TargetResults> all;
    if (options.last_runs) {
        auto runs = options.runs_folder.empty()
                        ? default_runs_folder()
                        : Result<std::filesystem::path>{options.runs_folder};
        if (!runs) {
            return tl::unexpected(runs.error());
        }
        all = last_results(*runs);
        if (all.empty()) {
            return failure("no run has left results in " + runs->string(),
                           "vmrunit run makes some");
        }
    }
    for (const std::string& path : options.results) {
        auto one = target_results(path);
        if (!one) {
            return tl::unexpected(one.error());
        }
        all.push_back(std::move(*one));
    }
    return all;
}

Result<void> write_page(const std::filesystem::path& path, const std::string& page) {
    std::ofstream file{path};
    file << page;
    file.close();
    if (!file) {
        return failure(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)),
                       "name a file in a folder that can be written");
    }
    return {};
}

} // namespace

CommandResult coverage_command(const Program& program, const CommonOptions& common,
                               const CoverageOptions& options) {
    auto results = results_for(options);
    if (!results) {
        return operation_error(results.error());
    }
    const auto families = cases::registered_families();
    const Coverage coverage =
        measure_coverage(families, cases::coverage_reasons(), program.catalogue, *results);
    for (const std::string& filter : common.filters) {
        if (!names_an_item(coverage, filter)) {
            return usage_error(
                Error{"no item of coverage matches " + filter, "vmrunit coverage lists them"});
        }
    }
    if (!options.html.empty()) {
        if (auto written = write_page(options.html, coverage_html(coverage)); !written) {
            return operation_error(written.error());
        }
    }
    if (options.check) {
        for (const std::string& problem : coverage.problems) {
            fmt::print("{}\n", problem);
        }
        fmt::print("{}{}", coverage.problems.empty() ? "" : "\n", coverage_sums(coverage));
        return coverage.problems.empty() ? RunOutcome::passed : RunOutcome::failed;
    }
    fmt::print("{}", options.html.empty() ? coverage_text(coverage, common.filters)
                                          : coverage_sums(coverage));
    return RunOutcome::passed;
}

} // namespace vmrunit::runner
