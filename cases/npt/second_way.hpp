// SPDX-License-Identifier: GPL-2.0-only
// A second way from L2 to its own memory, for rows about nested paging: guest physical addresses
// that are mapped by nested entries of their own, one of which the row breaks.
//
// The form of the nested tables is that of L1's paging (spec: NPT-MODE): 64-bit, PAE or 2-level.
//
// From 3 GiB on, where L2's own tables map one to one, or from 512 GiB on, where the topmost nested
// table has another entry; L2's tables map 3 GiB to there then. Pages of the other modes' tables
// and the spare VMCB serve as nested tables. APM2 15.25.
#pragma once

#include "cases/model/case.hpp"
#include "harness/l1_mode.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

/// The entry in question.
enum class NestedLevel : std::uint8_t {
    leaf_4k,
    leaf_2m,
    leaf_1g,
    leaf_4m, ///< Of 2-level tables.
    pd,      ///< Of a way that ends in a 4 KiB page.
    pdpt,    ///< As before.
    pml4,    ///< Of a way from 512 GiB on.
};
/// Those that the tables of such an L1 have.
[[nodiscard]] std::vector<NestedLevel> nested_levels(L1Mode l1);

/// Where the second way begins: guest physical.
inline constexpr std::uint64_t second_way_begin = 0xc000'0000;
/// The nested entry for the page at its beginning, in the table above that of 4 KiB pages.
[[nodiscard]] Write second_directory_entry(L1Mode l1, Value value);

inline constexpr std::uint64_t no_execute = std::uint64_t{1} << 63;

[[nodiscard]] std::string_view name_of(NestedLevel level);
[[nodiscard]] svm::Features needs_of(NestedLevel level);

/// Bits of an entry that say neither where it leads nor to whom: PWT, PCD and PAT; in leaves G,
/// with CR4.PGE clear; in others what is D and G there, but for bit 8 of PML4 entries, which is
/// reserved; and what is left to software: 11:9, and in long mode 62:52, as long as CR4.PKE is
/// clear. Not for the PDPTEs of PAE. APM2 5.3.3, 5.4.1.
[[nodiscard]] std::vector<unsigned> ignored_in_entry(NestedLevel level, bool long_mode);

/// L2's tables can name physical addresses from 4 GiB on.
[[nodiscard]] constexpr bool reaches_beyond_4g(L2Mode mode) {
    return mode != L2Mode::prot32;
}

/// Maps L2's memory there. `set` and `cleared` are bits of the entry in question.
[[nodiscard]] std::vector<Step> second_way(NestedLevel level, L1Mode l1, std::uint64_t set = 0,
                                           std::uint64_t cleared = 0);
/// The linear address of the byte `offset` of L2Memory by that way.
[[nodiscard]] Value second_address(NestedLevel level, std::uint32_t offset);
/// Its guest physical address.
[[nodiscard]] Value guest_physical(NestedLevel level, std::uint32_t offset);

} // namespace vmrunit::cases
