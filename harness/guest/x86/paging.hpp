// SPDX-License-Identifier: GPL-2.0-only
// The two kinds of paging a 32-bit L1 can run with. Both map the first 4 GiB one to one, so the way
// from one to the other may lead through no paging at all. APM vol. 2, 5.2.
#pragma once

#include "harness/guest/cpu.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/l1_mode.hpp"

#include <cstdint>

// x86/enter_l1_mode.S
extern "C" const std::uint8_t identity_page_directory_pointers[];
extern "C" const std::uint8_t identity_legacy_directory[];

namespace vmrunit::guest {

inline constexpr std::uint64_t paging_cr4_pae = 1u << 5;

/// The mode whose paging the executing CPU is in.
[[nodiscard]] inline L1Mode paging_now() {
    return (read_cr4() & paging_cr4_pae) != 0 ? L1Mode::pae : L1Mode::legacy;
}

/// Puts the executing CPU into the paging of `mode`; false where an L1 of this width has none such.
/// A CPU starts with PAE.
[[nodiscard]] inline bool use_paging_of(L1Mode mode) {
    if (mode != L1Mode::pae && mode != L1Mode::legacy) {
        return false;
    }
    constexpr std::uint64_t cr0_pg = 1u << 31;
    constexpr std::uint64_t cr4_pse = 1u << 4;
    if (mode == paging_now()) {
        return true;
    }
    const bool pae = mode == L1Mode::pae;
    const std::uint64_t cr0 = read_cr0();
    write_cr0(cr0 & ~cr0_pg);
    write_cr4((read_cr4() & ~(cr4_pse | paging_cr4_pae)) | (pae ? paging_cr4_pae : cr4_pse));
    write_cr3(reinterpret_cast<std::uintptr_t>(pae ? identity_page_directory_pointers
                                                   : identity_legacy_directory));
    current_cpu().fault_task.state.cr3 = static_cast<std::uint32_t>(read_cr3());
    write_cr0(cr0);
    return true;
}

} // namespace vmrunit::guest
