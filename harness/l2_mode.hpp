// SPDX-License-Identifier: GPL-2.0-only
// The modes L2 can begin in, and the selectors of its descriptor table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vmrunit {

/// CPU mode of L2 at VMRUN. The order is the wire's; append only.
enum class L2Mode : std::uint8_t {
    long64, ///< 64-bit mode, 4-level paging.
    compat, ///< Compatibility mode: 32-bit code under EFER.LMA.
    pae,    ///< 32-bit protected mode, PAE paging.
    prot32, ///< 32-bit protected mode, 2-level paging with 4 MiB pages.
};
inline constexpr unsigned l2_mode_count = 4;
inline constexpr std::array<std::string_view, l2_mode_count> l2_mode_names{"long64", "compat",
                                                                           "pae", "prot32"};

/// Width of the code L2 begins with.
[[nodiscard]] constexpr unsigned code_bits(L2Mode mode) {
    return mode == L2Mode::long64 ? 64 : 32;
}

/// True where EFER.LMA is set while L2 runs: 16-byte gates, 64-bit TSS.
[[nodiscard]] constexpr bool is_long_mode(L2Mode mode) {
    return mode == L2Mode::long64 || mode == L2Mode::compat;
}

/// Selectors of L2's GDT, with RPL 0 or 3 as they are loaded.
namespace l2_selector {
// clang-format off
inline constexpr std::uint16_t code64       = 0x08;
inline constexpr std::uint16_t data         = 0x10;
inline constexpr std::uint16_t code32       = 0x18;
inline constexpr std::uint16_t user_code32  = 0x23;
inline constexpr std::uint16_t user_data    = 0x2b;
inline constexpr std::uint16_t user_code64  = 0x33;
inline constexpr std::uint16_t tss64        = 0x38; ///< Busy; takes two entries.
inline constexpr std::uint16_t tss32        = 0x48; ///< Busy.
inline constexpr std::uint16_t ldt          = 0x50; ///< Takes two entries in long mode.
inline constexpr std::uint16_t idle_tss64   = 0x60; ///< Available: an operand for LTR; two entries.
inline constexpr std::uint16_t idle_tss32   = 0x70; ///< The same outside long mode.
inline constexpr std::uint16_t absent_data  = 0x78; ///< Not present: #NP, or #SS when loaded into SS.
inline constexpr std::uint16_t limited_data = 0x80; ///< 16 bytes long: #GP or #SS by limit.
inline constexpr std::uint16_t absent_code  = 0x88;
// clang-format on
} // namespace l2_selector

} // namespace vmrunit
