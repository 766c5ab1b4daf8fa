// SPDX-License-Identifier: GPL-2.0-only
// What x64/exception_entry.S leaves on the stack, and what it returns by. APM vol. 2, 8.9.3.
#pragma once

#include "harness/guest/l1_baseline.hpp"

#include <cstdint>

namespace vmrunit::guest {

// Lowest address first.
struct InterruptFrame {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    std::uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
    std::uint64_t vector;
    std::uint64_t error_code; // 0 where the vector has none
    std::uint64_t rip, cs, rflags, rsp, ss;

    // Execution continues there, in L1's own segments.
    void return_to(std::uintptr_t new_rip, std::uintptr_t new_rsp) {
        rip = new_rip;
        rsp = new_rsp;
        rflags = l1_rflags;
        cs = VMRUNIT_SELECTOR_CODE_64;
        ss = VMRUNIT_SELECTOR_DATA;
    }
};

} // namespace vmrunit::guest
