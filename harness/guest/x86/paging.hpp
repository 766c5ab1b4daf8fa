// SPDX-License-Identifier: GPL-2.0-only
// The two kinds of paging a 32-bit L1 can run with. Both map the first 4 GiB one to one, so the way
// from one to the other may lead through no paging at all. APM vol. 2, 5.2.
#pragma once

#include "harness/guest/cpu.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/l1_mode.hpp"

#include <cstdint>

// x86/enter_l1_mode.S
extern "C" const std::uint8_t identity_page_directory_pointers[];
extern "C" const std::uint8_t identity_legacy_directory[];
extern "C" std::uint32_t guest_paging_root;
extern "C" std::uint32_t guest_paging_cr4;

namespace vmrunit::guest {

/// Puts the executing CPU into the paging of `mode`, in which CPUs begin that are started later;
/// false where an L1 of this width has none such. The first CPU begins with PAE.
[[nodiscard]] inline bool use_paging_of(L1Mode mode) {
    if (mode != L1Mode::pae && mode != L1Mode::legacy) {
        return false;
    }
    constexpr std::uint64_t cr0_pg = 1u << 31;
    constexpr std::uint32_t cr4_pse = 1u << 4;
    constexpr std::uint32_t cr4_pae = 1u << 5;
    const bool pae = mode == L1Mode::pae;
    if (pae == ((read_cr4() & cr4_pae) != 0)) {
        return true;
    }
    guest_paging_root = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(
        pae ? identity_page_directory_pointers : identity_legacy_directory));
    guest_paging_cr4 = l1_cr4_without_osxsave & ~cr4_pae;
    guest_paging_cr4 |= pae ? cr4_pae : cr4_pse;
    const std::uint64_t cr0 = read_cr0();
    write_cr0(cr0 & ~cr0_pg);
    write_cr4((read_cr4() & ~(cr4_pse | cr4_pae)) | guest_paging_cr4);
    write_cr3(guest_paging_root);
    current_cpu().fault_task.state.cr3 = guest_paging_root;
    write_cr0(cr0);
    return true;
}

} // namespace vmrunit::guest
