// SPDX-License-Identifier: GPL-2.0-only
// L2 on the second CPU, to which this one sends an event: the argument of the routine
// send_to_l2_elsewhere, and what that reports. APM2 15.13, 15.17.
#pragma once

#include "cases/model/l1_case.hpp"

#include <cstdint>
#include <optional>

namespace vmrunit::cases {

/// The kind of event, with any of the bits below.
enum Sent : std::uint32_t { interrupt, nmi, init, smi };
inline constexpr std::uint8_t sent_vector = 0x51; ///< Of an interrupt.

// clang-format off
inline constexpr std::uint32_t no_exit   = 0x10;
inline constexpr std::uint32_t halts     = 0x20;   ///< It is sent once L2 has halted.
inline constexpr std::uint32_t redirects = 0x40;   ///< VM_CR.R_INIT is set.
inline constexpr std::uint32_t released  = 0x80;   ///< L2 ends when it is told to, behind what was sent.
inline constexpr std::uint32_t then_nmi  = 0x100;  ///< An NMI is sent a little later.
inline constexpr std::uint32_t held      = 0x200;  ///< It is sent while GIF is clear, before the VMRUN...
inline constexpr std::uint32_t with_nmi  = 0x400;  ///< ...behind an NMI.
inline constexpr std::uint32_t ends_hlt  = 0x800;  ///< The SMM handler clears the restart of HLT.
inline constexpr std::uint32_t waits     = 0x1000; ///< `released`, and L2 has cleared its GIF.
// clang-format on

struct ExitElsewhere {
    svm::ExitCode code;
    Value rip;
};

/// What the second CPU comes to. Without an exit it reports nothing, for it has been reset in L2.
/// "Ready": L2 ran, or GIF being clear, the CPU waited until all had been sent. Of INIT: whether
/// the CPU `resets`, and so waits for a start-up message before anything else resets it. EXITINFO1
/// is for the rows that are about it.
[[nodiscard]] inline CallExpectation comes_to(std::optional<ExitElsewhere> exit,
                                              bool gets_behind_stgi, std::uint64_t events,
                                              std::uint64_t before_stgi = 0,
                                              std::optional<bool> resets = {}) {
    const auto code = exit ? static_cast<std::uint64_t>(exit->code) : 0;
    CallExpectation expected;
    expected.values = {reported("ready for what is sent", 1),
                       reported("L2 exited", exit ? 1 : 0),
                       reported("exit code", code),
                       {exit ? exit->rip : Value{0}, ~std::uint64_t{0}, Match::equals, "saved RIP"},
                       reported("events that L1 took before STGI", before_stgi),
                       reported("L1 got behind STGI", gets_behind_stgi ? 1 : 0),
                       reported("events that L1 had by then", events),
                       reported("the CPU starts anew", 1),
                       {Value{0}, 0, Match::equals, "EXITINFO1"}};
    if (resets) {
        expected.values.push_back(reported("the CPU takes a start-up message", *resets ? 1 : 0));
    }
    return expected;
}

/// An INIT that exits or not, and resets the CPU sooner or later.
[[nodiscard]] inline CallExpectation is_reset(std::optional<ExitElsewhere> exit) {
    return comes_to(exit, false, 0, 0, true);
}

} // namespace vmrunit::cases
