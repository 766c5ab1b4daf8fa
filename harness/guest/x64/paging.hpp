// SPDX-License-Identifier: GPL-2.0-only
// The paging a 64-bit L1 can run with: there is one.
#pragma once

#include "harness/l1_mode.hpp"

namespace vmrunit::guest {

/// Puts the executing CPU into the paging of `mode`; false where an L1 of this width has none such.
[[nodiscard]] inline bool use_paging_of(L1Mode mode) {
    return mode == L1Mode::long64;
}

} // namespace vmrunit::guest
