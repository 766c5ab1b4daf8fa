// SPDX-License-Identifier: GPL-2.0-only
// One nested page of 4 KiB, where the second way begins, that leads to whatever a row puts behind
// it: L2's data, or one of L2's own tables, each access to which counts as a user's write. And the
// fault of such an access. APM2 15.25.5, 15.25.6.
#pragma once

#include "cases/npt/second_way.hpp"

#include "harness/world.hpp"

#include <cstdint>
#include <vector>

namespace vmrunit::cases {

// Bits of EXITINFO1: what was translated.
inline constexpr std::uint64_t final_address = std::uint64_t{1} << 32;
inline constexpr std::uint64_t in_tables = std::uint64_t{2} << 32;

/// Of an entry that permits everything, and that nothing has to be written to.
inline constexpr std::uint64_t entry_bits = world::table_bits | world::dirty;

/// The entry of that page: the first of the spare VMCB. `bits` may hold an offset in the region.
[[nodiscard]] Write nested_entry(L1Mode l1, Region page, std::uint64_t bits);
/// And the way to it.
[[nodiscard]] std::vector<Step> nested_page(L1Mode l1, Region page, std::uint64_t bits);
/// The page at `second_way_begin` + x is that at x, by a large page; `reserved`: with a bit that
/// such an entry cannot have.
[[nodiscard]] std::vector<Step> large_nested_page(L1Mode l1, bool reserved);

/// What a row about L2's tables does to the nested entry of one of them, and what the walk says:
/// P, RW, US and RSV of EXITINFO1, for a walk writes, as a user, and fetches nothing.
struct Refusal {
    std::string_view name;
    std::uint64_t bits;
    std::uint64_t reported;
};
inline constexpr Refusal refusals[] = {
    {"absent", entry_bits & ~world::present, 6},
    {"read_only", entry_bits & ~world::writable, 7},
    {"supervisor", entry_bits & ~world::user, 7},
};
inline constexpr std::uint64_t reserved_reported = 0xf;

/// The walk ends at the entry of L2's at this guest physical address, as far as the mask says.
[[nodiscard]] ExitExpectation walk_fault(std::uint64_t reported, Value address,
                                         std::uint64_t address_mask = ~std::uint64_t{0});

} // namespace vmrunit::cases
