// SPDX-License-Identifier: GPL-2.0-only
// The modes L1 runs cases in: what its own paging is, and with it the form of nested page tables
// (APM vol. 2, 15.25.3).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vmrunit {

/// The order is the wire's; append only.
enum class L1Mode : std::uint8_t {
    long64, ///< 64-bit mode, 4-level paging.
    pae,    ///< 32-bit protected mode, PAE paging.
    legacy, ///< 32-bit protected mode, 2-level paging with 4 MiB pages.
};
inline constexpr unsigned l1_mode_count = 3;
inline constexpr std::array<std::string_view, l1_mode_count> l1_mode_names{"long64", "pae",
                                                                           "legacy"};

/// Width of L1's code, and with it the payload image it needs.
[[nodiscard]] constexpr unsigned l1_bits(L1Mode mode) {
    return mode == L1Mode::long64 ? 64 : 32;
}

} // namespace vmrunit
