// SPDX-License-Identifier: GPL-2.0-only
// The results of a run that is over, from whatever it left: its folder, its journal or its JSON
// report.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <filesystem>

namespace vmrunit::runner {

/// `path`: results.json or another --json file, a journal, or the folder of a run. Of a folder the
/// journal is read where the run did not live to write its report. An error says whether the file
/// is cut short, of another schema version, or no result file at all.
[[nodiscard]] Result<RunRecord> read_results(const std::filesystem::path& path);

} // namespace vmrunit::runner
