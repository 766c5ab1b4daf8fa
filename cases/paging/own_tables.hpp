// SPDX-License-Identifier: GPL-2.0-only
// A second way from L2 to its own memory, through entries of its own tables that nothing else
// depends on: from 3 GiB on, or from 512 GiB on where the topmost table has another entry. The
// spare VMCB serves as the table of 4 KiB pages. Nested tables, where there are any, map one to
// one. APM2 5.2, 5.3.
#pragma once

#include "cases/model/case.hpp"
#include "cases/npt/second_way.hpp"

#include <cstdint>
#include <vector>

namespace vmrunit::cases {

/// Those that L2's tables have in the mode; the levels have the names of nested ones.
[[nodiscard]] std::vector<NestedLevel> own_levels(L2Mode mode);

/// Maps L2's memory there. `set` and `cleared` are bits of the entry in question.
[[nodiscard]] std::vector<Step> own_way(NestedLevel level, L2Mode mode, std::uint64_t set = 0,
                                        std::uint64_t cleared = 0);
/// The linear address of the byte `offset` of L2Memory by that way.
[[nodiscard]] Value own_address(NestedLevel level, std::uint32_t offset);

/// The memory that programs and tables lie in is the supervisor's, by the usual way to it.
[[nodiscard]] std::vector<Step> supervisor_programs(L2Mode mode);

} // namespace vmrunit::cases
