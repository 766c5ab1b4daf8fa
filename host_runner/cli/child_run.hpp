// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit run` in a process of its own, for commands that need several runs: Google Test is one
// for a process, and a run that goes wrong must not take the command with it.
#pragma once

#include "host_runner/cli/options.hpp"
#include "host_runner/report/run_record.hpp"

#include <string>
#include <vector>

namespace vmrunit::runner {

struct ChildRun {
    std::vector<std::string> filters;
    std::string target;
    std::vector<std::string> more_arguments; ///< Further ones of `vmrunit run`.
};

/// What `run` says with exit style kselftest, and the results it left.
struct ChildRunResult {
    int exit_status = 0;
    RunRecord record;
};

/// The options that a command with targets shares with `run`, as arguments.
[[nodiscard]] std::vector<std::string> shared_arguments(const CommonOptions& common,
                                                        double case_seconds);

/// Runs this very program. The child's words for people go to our standard error if that is a
/// terminal, its errors always. An error: the target cannot be tested here, the command line was
/// wrong, we were interrupted, or there are no results for another reason.
[[nodiscard]] Result<ChildRunResult> run_in_child(const ChildRun& wanted);

} // namespace vmrunit::runner
