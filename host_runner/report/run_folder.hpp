// SPDX-License-Identifier: GPL-2.0-only
// Where a run leaves its journal and reports: RUNS/<UTC time>-<target>-<pid>/, and RUNS/latest
// points at the newest. Only the last few are kept.
#pragma once

#include "host_runner/error.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>

namespace vmrunit::runner {

/// ${XDG_STATE_HOME:-~/.local/state}/vmrunit/runs, made by the environment's rules.
[[nodiscard]] Result<std::filesystem::path> default_runs_folder();

/// Creates the folder of a run that starts at `time` and removes the oldest folders beyond `kept`.
/// Removes nothing whose name is not one of ours or whose run still goes on.
[[nodiscard]] Result<std::filesystem::path>
create_run_folder(const std::filesystem::path& runs, std::string_view target,
                  std::chrono::system_clock::time_point time, std::size_t kept = 20);

/// The newest run of `target` (any, if empty) that has left results and is over.
[[nodiscard]] std::optional<std::filesystem::path> newest_run(const std::filesystem::path& runs,
                                                              std::string_view target);

/// Makes `latest`, beside the folder, lead to it. A convenience: that it cannot be made is no
/// error.
void point_latest_at(const std::filesystem::path& folder);

} // namespace vmrunit::runner
