// SPDX-License-Identifier: GPL-2.0-only
// The end of a page as a place for L2's code: two pages that L2's tables map behind one another,
// and what may be wrong with the second one. APM2 5.4, 15.25.
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/delivery.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

/// What follows the page.
enum class NextPage : std::uint8_t {
    mapped,
    absent,        ///< From L2's own tables.
    absent_nested, ///< From the nested tables.
};
inline constexpr std::array next_pages{NextPage::mapped, NextPage::absent, NextPage::absent_nested};

[[nodiscard]] std::string_view name_of(NextPage next);
/// Whether the mode, with nested paging or without, has such a next page.
[[nodiscard]] bool exists(NextPage next, const L2Start& start);

/// Where the code lies.
[[nodiscard]] CodeCopy code_at_page_end(bool splits_insn);
/// Maps the pages in the tables of the mode at hand.
[[nodiscard]] std::vector<Step> mapped_pages(NextPage next, const L2Start& start);
/// What a fetch from the next page ends in: L2's handler of #PF, or a nested page fault.
[[nodiscard]] ExitExpectation fetch_fault(NextPage next, const L2Start& start, Value rip);

} // namespace vmrunit::cases
