// SPDX-License-Identifier: GPL-2.0-only
// The modes L2 can begin in, and the selectors of its descriptor table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vmrunit {

/// CPU mode of L2 at VMRUN. The order is the wire's; append only.
enum class L2Mode : std::uint8_t {
    long64,     ///< 64-bit mode, 4-level paging.
    compat,     ///< Compatibility mode: 32-bit code under EFER.LMA.
    pae,        ///< 32-bit protected mode, PAE paging.
    prot32,     ///< 32-bit protected mode, 2-level paging with 4 MiB pages.
    real,       ///< Real mode. Segment bases are those of the selectors.
    paged_real, ///< Real mode with 2-level paging: CR0.PE=0, PG=1, which only VMRUN can load.
    prot16,     ///< 16-bit protected mode, paging as prot32; 16-bit gates and TSS.
    v86,        ///< Virtual-8086 mode under a 32-bit monitor, paging as prot32.
};
inline constexpr unsigned l2_mode_count = 8;
inline constexpr std::array<std::string_view, l2_mode_count> l2_mode_names{
    "long64", "compat", "pae", "prot32", "real", "paged_real", "prot16", "v86"};

/// CR0.PE is clear: events go through the IVT, CPL is 0.
[[nodiscard]] constexpr bool is_real_mode(L2Mode mode) {
    return mode == L2Mode::real || mode == L2Mode::paged_real;
}

/// Code and stack are 16 bits wide, and all that L2 touches lies in low memory: the first 64 KiB.
[[nodiscard]] constexpr bool is_16bit(L2Mode mode) {
    return is_real_mode(mode) || mode == L2Mode::prot16 || mode == L2Mode::v86;
}

/// Real mode has no CPL but 0 and virtual-8086 mode none but 3.
[[nodiscard]] constexpr bool has_cpl(L2Mode mode, unsigned cpl) {
    if (is_real_mode(mode)) {
        return cpl == 0;
    }
    return mode == L2Mode::v86 ? cpl == 3 : cpl == 0 || cpl == 3;
}

/// Width of the code L2 begins with.
[[nodiscard]] constexpr unsigned code_bits(L2Mode mode) {
    if (is_16bit(mode)) {
        return 16;
    }
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
// 90h and 98h are free: rows put what they need there.
inline constexpr std::uint16_t code16         = 0xa0; ///< Base: LowMemory::code.
inline constexpr std::uint16_t data16         = 0xa8;
inline constexpr std::uint16_t user_code16    = 0xb3;
inline constexpr std::uint16_t user_data16    = 0xbb;
inline constexpr std::uint16_t handler_code16 = 0xc0; ///< Base: LowMemory::handlers.
inline constexpr std::uint16_t tss16          = 0xc8; ///< Busy.
inline constexpr std::uint16_t idle_tss16     = 0xd0;
// clang-format on
} // namespace l2_selector

} // namespace vmrunit
