// SPDX-License-Identifier: GPL-2.0-only
// What x86/exception_entry.S leaves on the stack, and what it returns by. Nothing of L1 runs at
// another CPL than 0, so the CPU pushes neither ESP nor SS. APM vol. 2, 8.7.
#pragma once

#include "harness/guest/l1_baseline.hpp"

#include <cstdint>

namespace vmrunit::guest {

// Lowest address first. Named as in 64-bit mode, so that what reads it needs no second version.
struct InterruptFrame {
    std::uint32_t rsp; // not pushed by the CPU: counted
    std::uint32_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    std::uint32_t vector;
    std::uint32_t error_code; // 0 where the vector has none
    std::uint32_t rip, cs, rflags;

    // Execution continues there, in L1's own code segment.
    void return_to(std::uintptr_t new_rip, std::uintptr_t new_rsp) {
        rip = new_rip;
        rsp = new_rsp;
        rflags = l1_rflags;
        cs = VMRUNIT_SELECTOR_CODE_32;
    }
};

} // namespace vmrunit::guest
