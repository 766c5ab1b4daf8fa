// SPDX-License-Identifier: GPL-2.0-only
// L1's own GDT, TSS and IDT (APM vol. 2, chapters 4 and 12). GDT and TSS exist once per CPU; the
// IDT is shared, since it only leads to the stubs of exception_entry.S.
#pragma once

#include "harness/guest/l1_baseline.hpp"
#ifdef __x86_64__
#include "harness/guest/x64/descriptor_formats.hpp"
#else
#include "harness/guest/x86/descriptor_formats.hpp"
#endif

#include <array>
#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

// The order of the three user entries is the one SYSRET wants (STAR[63:48] = user_code_32).
enum class Selector : std::uint16_t {
    // clang-format off
    null         = 0x00,
    code_64      = VMRUNIT_SELECTOR_CODE_64,
    data         = VMRUNIT_SELECTOR_DATA,
    user_code_32 = 0x18 | 3,
    user_data    = 0x20 | 3,
    user_code_64 = 0x28 | 3,
    code_32      = VMRUNIT_SELECTOR_CODE_32,
    code_16      = 0x38,
    data_16      = 0x40,
    task_state   = VMRUNIT_SELECTOR_TASK_STATE,
    // clang-format on
};
#ifdef __x86_64__
inline constexpr Selector l1_code = Selector::code_64;
#else
inline constexpr Selector l1_code = Selector::code_32;
#endif

inline constexpr std::size_t gdt_entries = 11;
using GlobalDescriptorTable = std::array<std::uint64_t, gdt_entries>;

struct PerCpu;

struct InterruptFrame;

#ifndef __x86_64__
// In the task of #DF: completes the frame with what the task switch saved elsewhere, and makes the
// executing CPU one that can take a #DF again. The state of L1 is there unless TR was still L2's;
// then RIP is 0.
void take_interrupted_state(PerCpu& cpu, InterruptFrame& frame);
#endif

// Fills this CPU's GDT and TSS and loads GDTR, IDTR, TR, LDTR and all segment registers.
void load_descriptor_tables(PerCpu& cpu, std::uintptr_t fault_stack_top);

} // namespace vmrunit::guest
