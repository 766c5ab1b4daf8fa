// SPDX-License-Identifier: GPL-2.0-only
// The handler of system-management interrupts of a CPU whose SMBASE is as after reset, with nobody
// before us who moved it: it counts and returns. APM2 10.2, 10.3.
#pragma once

#include <cstdint>
#include <cstring>

namespace vmrunit::guest {

class SmmHandler {
public:
    /// Puts the handler into its place, with its count at 0.
    static void install() {
        // incw %cs:0x8010; rsm. CS begins at SMBASE, whatever the interrupted code had there.
        static constexpr std::uint8_t code[] = {0x2e, 0xff, 0x06, 0x10, 0x80, 0x0f, 0xaa};
        auto* const entry = reinterpret_cast<std::uint8_t*>(smbase + entry_offset);
        std::memset(entry, 0, count_offset - entry_offset + sizeof(std::uint16_t));
        std::memcpy(entry, code, sizeof code);
    }
    /// How many have been handled since.
    [[nodiscard]] static std::uint64_t count() {
        return *reinterpret_cast<const volatile std::uint16_t*>(smbase + count_offset);
    }

private:
    static constexpr std::uintptr_t smbase = 0x3'0000;
    static constexpr std::uintptr_t entry_offset = 0x8000;
    static constexpr std::uintptr_t count_offset = 0x8010;
};

} // namespace vmrunit::guest
