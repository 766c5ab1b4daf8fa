// SPDX-License-Identifier: GPL-2.0-only
// Runs cases through Google Test: one test for each, registered with the file and line of its row.
// The plan is built when an iteration starts, in Google Test's own order (filter, shard, shuffle,
// repeat); a test body only waits for its own record.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/run/reported_run.hpp"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct GtestRunInput {
    ReportedRunInput run;
    std::span<const cases::Case* const> cases;
    /// Asked while waiting; true ends the run with what is there.
    std::function<bool()> interrupted;
};

struct GtestRunResult {
    VerdictCounts counts;
    std::size_t planned = 0;
    bool interrupted = false;
    bool nothing_matched = false; ///< Google Test's own filter left nothing in any shard.
    Result<void> problem;         ///< A row that cannot be encoded.
};

/// `arguments`: the --gtest_ flags, program name first. Google Test is one for the process: a
/// second call is refused with a problem. ReportedRun and sessions have no such limit.
[[nodiscard]] GtestRunResult run_through_gtest(const GtestRunInput& input,
                                               std::vector<std::string> arguments);

} // namespace vmrunit::runner
