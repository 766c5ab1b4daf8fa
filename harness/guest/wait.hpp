// SPDX-License-Identifier: GPL-2.0-only
// Waiting for what another CPU does, where there is no clock whose rate is known. Ticks of the TSC
// go on while a busy host runs neither CPU, and where the TSC counts instructions they take
// minutes; looks are work of this CPU, but on bare metal a million of them are over in a twentieth
// of a second.
#pragma once

#include "harness/guest/cpu.hpp"

#include <cstdint>

namespace vmrunit::guest {

/// Lets others have the CPU. Interrupts of this L1 are let in as well: what hangs on its IF is, on
/// some CPUs, whether the hypervisor below takes its own, and so whether the other CPU ever runs.
inline void let_others_run() {
    pause();
    take_pending_interrupts();
}

struct Patience {
    std::uint64_t ticks;
    std::uint64_t looks;
    [[nodiscard]] constexpr Patience operator*(std::uint64_t times) const {
        return {.ticks = ticks * times, .looks = looks * times};
    }
};

/// Seconds at the usual rates, and 50 ms.
inline constexpr Patience long_wait{.ticks = std::uint64_t{1} << 32,
                                    .looks = std::uint64_t{1} << 20};
inline constexpr Patience short_wait{.ticks = std::uint64_t{1} << 27,
                                     .looks = std::uint64_t{1} << 18};

/// However few looks a starved host lets it have, a wait ends after this many ticks: the runner
/// gives up a case after 10 s, and what it has seen by then is to be told.
inline constexpr std::uint64_t longest_wait = long_wait.ticks * 2;

/// For what should happen: false only after so many ticks and so many looks, or after
/// `longest_wait`.
template<class Condition>
bool wait_until(const Patience& patience, Condition&& condition) {
    const std::uint64_t begin = read_tsc();
    const auto goes_on = [&](std::uint64_t looks) {
        const std::uint64_t ticks = read_tsc() - begin;
        return (looks < patience.looks || ticks < patience.ticks) && ticks < longest_wait;
    };
    for (std::uint64_t looks = 0; goes_on(looks); ++looks) {
        if (condition())
            return true;
        let_others_run();
    }
    return condition();
}

/// For what should not happen: false after so many ticks or so many looks.
template<class Condition>
bool happens_within(const Patience& patience, Condition&& condition) {
    const std::uint64_t begin = read_tsc();
    for (std::uint64_t looks = 0; looks < patience.looks && read_tsc() - begin < patience.ticks;
         ++looks) {
        if (condition())
            return true;
        let_others_run();
    }
    return condition();
}

} // namespace vmrunit::guest
