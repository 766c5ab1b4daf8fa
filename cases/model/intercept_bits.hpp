// SPDX-License-Identifier: GPL-2.0-only
// The intercept words of a case as its first VMRUN finds them.
#pragma once

#include "cases/model/case.hpp"

#include "harness/svm/intercept.hpp"

namespace vmrunit::cases {

/// Set in every fresh VMCB: VMRUN, VMMCALL and SHUTDOWN.
[[nodiscard]] svm::InterceptSet fresh_intercepts();

/// The fresh ones, with the writes that stand before the first Run.
[[nodiscard]] svm::InterceptSet intercepts_at_first_run(const Case& one);

} // namespace vmrunit::cases
