// SPDX-License-Identifier: GPL-2.0-only
// Ways to L2's data through entries that have neither A nor D, of L2's own tables and of nested
// ones: each level and page size, with the entry where it is compared. APM2 5.4.2, 15.25.5.
#pragma once

#include "cases/npt/second_way.hpp"

#include "harness/world.hpp"

#include <cstdint>
#include <vector>

namespace vmrunit::cases {

inline constexpr std::uint64_t marks = world::accessed | world::dirty;

/// The entry in question, where it is compared after a VMRUN: in the first entries of its table.
struct Place {
    Region region;
    std::uint32_t offset;
};

/// A way through tables of which the entry in question has neither A nor D.
struct Way {
    NestedLevel level;
    std::vector<Step> steps;
    Place entry;
    bool is_leaf;
    Value address; ///< Of L2's data, by that way.
};

/// Through L2's own tables.
[[nodiscard]] std::vector<Way> own_ways(L2Mode mode);
/// Through nested ones. That of 4 KiB pages is not among them.
[[nodiscard]] std::vector<Way> nested_ways(L1Mode l1, L2Mode mode);

/// The entry has these marks and no other.
[[nodiscard]] MemoryExpectation entry_has(const Way& way, std::uint64_t set);

} // namespace vmrunit::cases
