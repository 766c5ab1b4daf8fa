// SPDX-License-Identifier: GPL-2.0-only
// What an exception that L2 takes through its own IDT looks like from L1: the handler's VMMCALL
// exits, and the stack holds the frame. APM2 8.7 (legacy), 8.9 (long mode).
#pragma once

#include "cases/model/case.hpp"

#include <cstdint>
#include <optional>

namespace vmrunit::cases {

struct Delivery {
    std::uint8_t vector;
    std::optional<std::uint32_t> error_code{};
    std::uint32_t error_code_mask = 0xffff'ffff; ///< Bits of it that are judged.
    Value return_rip = at_insn;     ///< Pushed RIP: at_insn for faults, at_after for traps.
    bool return_rip_defined = true; ///< false for aborts, which promise none.
    /// RSP when the event comes, where that is not in L2's stack; from CPL 3 only.
    std::optional<Value> outer_rsp{};
    std::uint64_t rsp_adjust = 0; ///< Added to RSP at entry: what the program itself moved it.
    std::uint64_t rflags = 2;     ///< RFLAGS when the event was delivered.
    /// RF of what is pushed is judged, too. Only for where it was set: else the manual says no more
    /// than that exceptions normally set it there (APM2 3.1.6).
    bool rf_is_pushed = false;
};

/// The exit of the handler that the event reaches, from the state `start` begins in.
[[nodiscard]] ExitExpectation delivered(const L2Start& start, const Delivery& delivery);
/// That of `second`, which comes before the first instruction of the handler of `first`. Of it only
/// the vector counts: what it returns to is that handler.
[[nodiscard]] ExitExpectation delivered(const L2Start& start, const Delivery& first,
                                        std::uint8_t second);

} // namespace vmrunit::cases
