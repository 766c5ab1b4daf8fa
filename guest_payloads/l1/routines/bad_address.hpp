// SPDX-License-Identifier: GPL-2.0-only
// Addresses at which no VMCB can be. APM2 15.5.1; APM3, VMLOAD.
#pragma once

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

/// The routine's argument: 0 to 11 moves the arena's VMCB by that bit, 52 to 63 is that bit alone,
/// which no physical address has, and 255 is the first address the CPU says it does not have.
[[nodiscard]] inline std::uint64_t bad_address(const RoutineCall& call) {
    constexpr std::uint32_t first_beyond = 255;
    if (call.argument == first_beyond) {
        const std::uint32_t width = cpuid_or_zero(0x8000'0008).eax & 0xff;
        return std::uint64_t{1} << width;
    }
    const std::uint64_t bit = std::uint64_t{1} << call.argument;
    return call.argument < 12 ? (call.arena_address + offsetof(Arena, vmcb)) | bit : bit;
}

} // namespace vmrunit::guest
