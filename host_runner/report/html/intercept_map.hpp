// SPDX-License-Identifier: GPL-2.0-only
// Which intercept bits the cases of a run are about, and what came of them.
#pragma once

#include "cases/model/catalogue.hpp"
#include "harness/svm/intercept.hpp"
#include "host_runner/report/run_record.hpp"

#include <array>
#include <map>
#include <string_view>
#include <vector>

namespace vmrunit::runner::html {

/// Bits of a case, by its name.
using InterceptsOfCases = std::map<std::string_view, std::vector<svm::Intercept>>;

/// The catalogue outlives the result.
[[nodiscard]] InterceptsOfCases intercepts_of_cases(const cases::Catalogue& catalogue);

using InterceptCounts = std::array<VerdictCounts, svm::intercept_count>;

/// Indexed by bit.
[[nodiscard]] InterceptCounts count_intercepts(const RunRecord& record,
                                               const InterceptsOfCases& intercepts);

} // namespace vmrunit::runner::html
