// SPDX-License-Identifier: GPL-2.0-only
// Verdicts of earlier runs: from a journal, a JSON report, or the folder of a run.
#pragma once

#include "host_runner/coverage/coverage.hpp"
#include "host_runner/error.hpp"

#include <filesystem>
#include <vector>

namespace vmrunit::runner {

/// The results in a file (results.jsonl or results.json), or in a run's folder.
[[nodiscard]] Result<TargetResults> target_results(const std::filesystem::path& path);

/// The newest run of each target in a folder of runs, targets in the order of their names. Folders
/// without a journal that can be read are passed over: a run that is just beginning has none.
[[nodiscard]] std::vector<TargetResults> last_results(const std::filesystem::path& runs);

} // namespace vmrunit::runner
