// SPDX-License-Identifier: GPL-2.0-only
// Waiting for what another CPU or the machine does. By ticks, for there is no clock whose rate is
// known.
#pragma once

#include "harness/guest/cpu.hpp"

#include <cstdint>

namespace vmrunit::guest {

/// Seconds at the usual rates, and 50 ms.
inline constexpr std::uint64_t long_wait = std::uint64_t{1} << 32;
inline constexpr std::uint64_t short_wait = std::uint64_t{1} << 27;

template<class Condition>
bool wait_until(std::uint64_t ticks, Condition&& condition) {
    const std::uint64_t begin = read_tsc();
    do {
        if (condition()) {
            return true;
        }
        pause();
    } while (read_tsc() - begin < ticks);
    return false;
}

} // namespace vmrunit::guest
