// SPDX-License-Identifier: GPL-2.0-only
// The end of a 16-bit code segment as a place for L2's code: the byte at FFFFh is the last one that
// may be fetched. The next rIP does not wrap there but lies beyond the limit. APM2 4.12, 8.2.14.
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/delivery.hpp"

#include <vector>

namespace vmrunit::cases {

/// Where the code lies.
[[nodiscard]] CodeCopy code_at_segment_end(bool splits_insn);
/// Gives CS the base that ends the segment there, and a CPU that wraps an end.
[[nodiscard]] std::vector<Step> segment_before_end();
/// What a fetch from beyond the segment ends in: L2's handler of #GP.
[[nodiscard]] ExitExpectation fetch_beyond_segment(const L2Start& start, Value rip);
/// Whether the next rIP that an exit stores is 10000h or 0 nobody says: both are IP = 0.
[[nodiscard]] ExitExpectation with_next_rip_open(ExitExpectation exit);

} // namespace vmrunit::cases
