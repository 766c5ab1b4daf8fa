// SPDX-License-Identifier: GPL-2.0-only
// The arenas of this payload, and the layout descriptor by which the runner finds them.
#pragma once

#include "harness/arena.hpp"
#include "harness/program.hpp"

namespace vmrunit::guest {

inline constexpr unsigned arena_count = 2; ///< One for each CPU that runs cases.

/// The same page of the copies is used in one breath. An arena is 128 KiB, so copies side by side
/// would share the sets of caches and the slots of an emulator's TLB.
struct ArenaCopies {
    Arena live;
    Page apart[5];
    Arena expected;
    Page apart_too[5];
    Arena pristine;
};
extern ArenaCopies arena_copies[arena_count];

/// The descriptor as numbers, as the runner reads it.
[[nodiscard]] LayoutDescriptor layout();

} // namespace vmrunit::guest
