// SPDX-License-Identifier: GPL-2.0-only
// What rows about control and debug registers share: EXITINFO1, which is judged on a CPU with
// decode assists and undefined elsewhere, and CR0 as L2 begins. APM2 15.8.1.
#pragma once

#include "cases/model/instruction_table.hpp"

#include "harness/svm/exit_info.hpp"

namespace vmrunit::cases {

/// MOV to or from a control register.
[[nodiscard]] inline FieldExpectation moves_control(Register general_register) {
    using Access = svm::ControlRegisterAccess;
    return {.field = svm::field::exit_info_1,
            .value = Access{}
                         .with(Access::is_mov)
                         .with(Access::general_register, static_cast<unsigned>(general_register))
                         .value,
            .needs = svm::Feature::decode_assists};
}

/// CLTS, LMSW and SMSW: only that it is no MOV.
[[nodiscard]] inline FieldExpectation moves_no_control() {
    return {.field = svm::field::exit_info_1,
            .value = 0,
            .mask = svm::ControlRegisterAccess::is_mov.mask(),
            .needs = svm::Feature::decode_assists};
}

/// MOV to or from a debug register.
[[nodiscard]] inline FieldExpectation moves_debug(Register general_register) {
    using Access = svm::DebugRegisterAccess;
    return {
        .field = svm::field::exit_info_1,
        .value =
            Access{}.with(Access::general_register, static_cast<unsigned>(general_register)).value,
        .needs = svm::Feature::decode_assists};
}

/// CR0 as L2 begins.
inline constexpr Value fresh_cr0 = fresh(svm::field::cr0);

/// Where MOV to CR0 and LMSW can be made to succeed: what paged real mode holds there, only VMRUN
/// can load.
inline constexpr Modes loads_cr0 = flat_modes | only(L2Mode::real) | only_prot16 | only_v86;

} // namespace vmrunit::cases
