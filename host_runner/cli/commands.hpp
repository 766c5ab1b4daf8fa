// SPDX-License-Identifier: GPL-2.0-only
// The commands. Each returns how it ended; errors are of operation or usage, in one line.
#pragma once

#include "host_runner/cli/options.hpp"
#include "host_runner/cli/program.hpp"

namespace vmrunit::runner {

/// An error that says which exit status it deserves.
struct CommandError {
    Error error;
    RunOutcome outcome = RunOutcome::broken;
};
using CommandResult = tl::expected<RunOutcome, CommandError>;

[[nodiscard]] CommandResult run_command(const Program& program, const CommonOptions& common,
                                        const RunOptions& options,
                                        const std::vector<std::string>& command_line);
[[nodiscard]] CommandResult matrix_command(const Program& program, const CommonOptions& common,
                                           const MatrixOptions& options,
                                           const std::vector<std::string>& command_line);
[[nodiscard]] CommandResult list_command(const Program& program, const CommonOptions& common,
                                         const ListOptions& options);
[[nodiscard]] CommandResult show_command(const Program& program, const CommonOptions& common);
[[nodiscard]] CommandResult targets_command(const Program& program, const CommonOptions& common);
[[nodiscard]] CommandResult bench_command(const Program& program, const CommonOptions& common,
                                          const BenchOptions& options);
[[nodiscard]] CommandResult coverage_command(const Program& program, const CommonOptions& common,
                                             const CoverageOptions& options);

[[nodiscard]] CommandResult diff_command(const Program& program, const CommonOptions& common,
                                         const DiffOptions& options);

[[nodiscard]] CommandResult history_command(const Program& program, const CommonOptions& common,
                                            const HistoryOptions& options);

[[nodiscard]] CommandResult bisect_command(const Program& program, const CommonOptions& common,
                                           const BisectOptions& options);

[[nodiscard]] CommandResult report_command(const Program& program, const CommonOptions& common,
                                           const ReportCommandOptions& options);

[[nodiscard]] inline auto usage_error(Error error) {
    return tl::unexpected(CommandError{std::move(error), RunOutcome::usage});
}
[[nodiscard]] inline auto operation_error(Error error) {
    const RunOutcome outcome = error.misuse ? RunOutcome::usage : RunOutcome::broken;
    return tl::unexpected(CommandError{std::move(error), outcome});
}

} // namespace vmrunit::runner
