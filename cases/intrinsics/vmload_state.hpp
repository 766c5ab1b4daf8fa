// SPDX-License-Identifier: GPL-2.0-only
// The state that VMLOAD and VMSAVE move, in the order in which the payload's routines report it
// (guest_payloads/l1/routines/vmload_state.hpp), and values of it that are L2's own.
#pragma once

#include "cases/model/case.hpp"
#include "harness/l2_mode.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct VmloadPart {
    std::string_view what;
    svm::FieldRef place;
    std::uint64_t value; ///< What set_vmload_state() puts there.
};

// clang-format off
inline constexpr std::array vmload_parts{
    VmloadPart{"FS base",      svm::field::fs_base,        0x0000'0a0a'1111'2220},
    VmloadPart{"GS base",      svm::field::gs_base,        0x0000'0b0b'3333'4440},
    VmloadPart{"KernelGSBase", svm::field::kernel_gs_base, 0x0000'0c0c'5555'6660},
    VmloadPart{"STAR",         svm::field::star,           0x0023'0010'0000'0000},
    VmloadPart{"LSTAR",        svm::field::lstar,          0x0000'2222'2222'2220},
    VmloadPart{"CSTAR",        svm::field::cstar,          0x0000'3333'3333'3330},
    VmloadPart{"SFMASK",       svm::field::sfmask,         0x0000'0000'0003'0200},
    VmloadPart{"SYSENTER_CS",  svm::field::sysenter_cs,    0x66},
    VmloadPart{"SYSENTER_ESP", svm::field::sysenter_esp,   0x0000'0000'7777'7770},
    VmloadPart{"SYSENTER_EIP", svm::field::sysenter_eip,   0x0000'0000'0888'8880},
    VmloadPart{"TR",           svm::field::tr_selector,    l2_selector::tss64},
    VmloadPart{"LDTR",         svm::field::ldtr_selector,  l2_selector::ldt},
    VmloadPart{"FS",           svm::field::fs_selector,    l2_selector::user_data},
    VmloadPart{"GS",           svm::field::gs_selector,    l2_selector::absent_data},
};
// clang-format on

/// Writes all of that to the arena's VMCB.
[[nodiscard]] std::vector<Step> set_vmload_state();

/// Items of coverage: every part of the segment that is not reserved, and of what VMLOAD and VMSAVE
/// move every one that the CPU observes.
void cover_segment(std::vector<std::string>& covers, std::string_view segment,
                   std::string_view aspect);

} // namespace vmrunit::cases
