// SPDX-License-Identifier: GPL-2.0-only
// Coverage for a terminal or a pipe: an item to a line.
#pragma once

#include "host_runner/coverage/coverage.hpp"

#include <string>
#include <string_view>

namespace vmrunit::runner {

/// "30 PASS, 6 XFAIL"; empty where no case has a verdict.
[[nodiscard]] std::string verdicts_text(const VerdictCounts& counts);

/// A filter, as a glob or as a name that stands for all below it, matches some item.
[[nodiscard]] bool names_an_item(const Coverage& coverage, const std::string& filter);

/// A line for each family: how many items, and how many of them have cases.
[[nodiscard]] std::string coverage_sums(const Coverage& coverage);

/// The items whose id one of `filters` matches (all, if there are none): each with its cases as
/// globs and the verdicts of each target, or with its reason. Then the sums.
[[nodiscard]] std::string coverage_text(const Coverage& coverage,
                                        std::span<const std::string> filters);

/// How many items of a family there are and how many are what.
struct FamilyTally {
    std::size_t items = 0, covered = 0, excused = 0, missing = 0;
    std::size_t confirmed = 0; ///< Of the covered ones.
};
[[nodiscard]] FamilyTally tally(const FamilyCoverage& family);

} // namespace vmrunit::runner
