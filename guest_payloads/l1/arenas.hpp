// SPDX-License-Identifier: GPL-2.0-only
// The arenas of this payload, and the layout descriptor by which the runner finds them.
#pragma once

#include "harness/arena.hpp"
#include "harness/program.hpp"

namespace vmrunit::guest {

inline constexpr unsigned arena_count = 2; ///< One for each CPU that runs cases.

struct ArenaCopies {
    Arena live;
    Arena expected;
    Arena pristine;
};
extern ArenaCopies arena_copies[arena_count];

/// The descriptor as numbers, as the runner reads it.
[[nodiscard]] LayoutDescriptor layout();

} // namespace vmrunit::guest
