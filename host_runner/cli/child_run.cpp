// SPDX-License-Identifier: GPL-2.0-only
// See child_run.hpp.
#include "host_runner/cli/child_run.hpp"

#include "host_runner/cli/interrupt.hpp"
#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/process/process.hpp"
#include "host_runner/report/results_file.hpp"

#include <chrono>
#include <fmt/format.h>
#include <unistd.h>

namespace vmrunit::runner {

using namespace std::chrono_literals;

std::vector<std::string> shared_arguments(const CommonOptions& common, double case_seconds) {
    std::vector<std::string> arguments{"--payload",          common.payload.string(),
                                       "--baselines-folder", common.baselines_folder.string(),
                                       "--timeout",          fmt::format("{}", case_seconds)};
    if (!common.baseline.empty()) {
        arguments.insert(arguments.end(), {"--baseline", common.baseline});
    }
    if (!common.target_options.qemu_program.empty()) {
        arguments.insert(arguments.end(), {"--qemu", common.target_options.qemu_program});
    }
    return arguments;
}

Result<ChildRunResult> run_in_child(const ChildRun& wanted) {
    auto folder = TemporaryFolder::create();
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    const std::filesystem::path results = folder->path() / "results.json";
    Command command;
    command.arguments = {"/proc/self/exe", "run",    "--target",
                         wanted.target,    "--json", results.string()};
    command.arguments.insert(command.arguments.end(), wanted.more_arguments.begin(),
                             wanted.more_arguments.end());
    command.arguments.emplace_back("--");
    command.arguments.insert(command.arguments.end(), wanted.filters.begin(), wanted.filters.end());
    command.output = ::isatty(STDERR_FILENO) == 1 ? STDERR_FILENO : -1;
    command.errors = STDERR_FILENO;
    auto process = Process::start(command);
    if (!process) {
        return tl::unexpected(process.error());
    }
    std::optional<ProcessStatus> status;
    while (!(status = process->wait_for(100ms))) {
        if (InterruptWatch::interrupted()) {
            static_cast<void>(process->terminate(5s));
            return failure("interrupted");
        }
    }
    std::error_code ignored;
    if (status->signal != 0 || !std::filesystem::exists(results, ignored)) {
        return failure(
            fmt::format("the run on {} left no results ({})", wanted.target, describe(*status)));
    }
    auto record = read_results(results);
    if (!record) {
        return tl::unexpected(record.error());
    }
    return ChildRunResult{status->code, std::move(*record)};
}

} // namespace vmrunit::runner
