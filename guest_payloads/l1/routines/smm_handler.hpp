// SPDX-License-Identifier: GPL-2.0-only
// The handler of system-management interrupts of a CPU whose SMBASE is as after reset, with nobody
// before us who moved it: it counts and returns, to HLT if that is what it interrupted, or behind
// it. APM2 10.2, 10.3.
#pragma once

#include <cstdint>
#include <cstring>

namespace vmrunit::guest {

class SmmHandler {
public:
    enum class Halted : std::uint8_t { halts_again, goes_on };

    /// Puts the handler into its place, with its count at 0.
    static void install(Halted halted = Halted::halts_again) {
        // incw %cs:0x8010; rsm. CS begins at SMBASE, whatever the interrupted code had there.
        static constexpr std::uint8_t code[] = {0x2e, 0xff, 0x06, 0x10, 0x80, 0x0f, 0xaa};
        // The same, and between them movb $0, %cs:0xfec9: no restart of HLT. APM2 10.3.7.
        static constexpr std::uint8_t code_that_goes_on[] = {
            0x2e, 0xff, 0x06, 0x10, 0x80, 0x2e, 0xc6, 0x06, 0xc9, 0xfe, 0x00, 0x0f, 0xaa};
        auto* const entry = reinterpret_cast<std::uint8_t*>(smbase + entry_offset);
        std::memset(entry, 0, count_offset - entry_offset + sizeof(std::uint16_t));
        if (halted == Halted::goes_on) {
            std::memcpy(entry, code_that_goes_on, sizeof code_that_goes_on);
        } else {
            std::memcpy(entry, code, sizeof code);
        }
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
