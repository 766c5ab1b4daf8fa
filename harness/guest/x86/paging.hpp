// SPDX-License-Identifier: GPL-2.0-only
// The two kinds of paging a 32-bit L1 can run with. Both map the first 4 GiB one to one, so the way
// from one to the other may lead through no paging at all. APM vol. 2, 5.2.
#pragma once

#include "harness/guest/cpu.hpp"
#include "harness/l1_mode.hpp"

#include <cstdint>

// x86/enter_l1_mode.S
extern "C" const std::uint8_t identity_page_directory_pointers[];
extern "C" const std::uint8_t identity_legacy_directory[];

namespace vmrunit::guest {

/// Puts the executing CPU into the paging of `mode`; false where an L1 of this width has none such.
/// A CPU starts with PAE.
[[nodiscard]] inline bool use_paging_of(L1Mode mode) {
    if (mode != L1Mode::pae && mode != L1Mode::legacy) {
        return false;
    }
    constexpr std::uint64_t cr0_pg = 1u << 31;
    constexpr std::uint64_t cr4_pse = 1u << 4;
    constexpr std::uint64_t cr4_pae = 1u << 5;
    const bool pae = mode == L1Mode::pae;
    if (((read_cr4() & cr4_pae) != 0) == pae) {
        return true;
    }
    const std::uint64_t cr0 = read_cr0();
    write_cr0(cr0 & ~cr0_pg);
    write_cr4((read_cr4() & ~(cr4_pse | cr4_pae)) | (pae ? cr4_pae : cr4_pse));
    write_cr3(reinterpret_cast<std::uintptr_t>(pae ? identity_page_directory_pointers
                                                   : identity_legacy_directory));
    write_cr0(cr0);
    return true;
}

} // namespace vmrunit::guest
