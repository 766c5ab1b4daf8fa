// SPDX-License-Identifier: GPL-2.0-only
// TSS and gates of 32-bit protected mode. APM vol. 2, 4.7.4 and 12.2.4.
#pragma once

#include "harness/guest/l1_baseline.hpp"

#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

// APM vol. 2, figure 12-7.
struct [[gnu::packed]] TaskStateSegment {
    // clang-format off
    std::uint32_t link;                     // selector of the interrupted task's TSS
    std::uint32_t stack_pointer_0;          // ESP0
    std::uint32_t stack_selector_0;         // SS0
    std::uint32_t reserved_0c[4];
    std::uint32_t cr3;
    std::uint32_t eip, eflags;
    std::uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    std::uint32_t es, cs, ss, ds, fs, gs, ldtr;
    std::uint16_t reserved_64;
    std::uint16_t io_map_base;              // at the limit: no map, every port refused at CPL 3
    // clang-format on

    void set_fault_stack(std::uint32_t top) {
        stack_pointer_0 = top;
        stack_selector_0 = VMRUNIT_SELECTOR_DATA;
    }
};
static_assert(offsetof(TaskStateSegment, cr3) == 0x1c);
static_assert(offsetof(TaskStateSegment, ldtr) == 0x60);
static_assert(offsetof(TaskStateSegment, io_map_base) == 0x66);
static_assert(sizeof(TaskStateSegment) == 0x68);

// #DF comes where the stack is not to be trusted, and only a task of its own has another one here.
inline constexpr std::size_t double_fault_vector = 8;

struct FaultTask {
    TaskStateSegment state;
    std::uint32_t stack_top;

    /// Begins at the stub of #DF as the other vectors do at theirs: room for what no task switch
    /// pushes, then the error code, which it does push. See take_interrupted_state().
    void prepare(std::uint32_t stub, std::uint32_t top, std::uint32_t root_table) {
        constexpr std::uint32_t eip_cs_eflags = 12;
        stack_top = top;
        state = {};
        state.cr3 = root_table;
        state.eip = stub;
        state.eflags = 2;
        state.esp = top - eip_cs_eflags;
        state.es = state.ss = state.ds = VMRUNIT_SELECTOR_DATA;
        state.cs = VMRUNIT_SELECTOR_CODE_32;
        state.io_map_base = sizeof state;
    }
};

struct [[gnu::packed]] GateDescriptor {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint8_t reserved;
    std::uint8_t type;
    std::uint16_t offset_high;
};
static_assert(sizeof(GateDescriptor) == 8);

// No gate but that of #DF changes stacks, so none needs the TSS, which after an L2 is still L2's.
[[nodiscard]] constexpr GateDescriptor interrupt_gate(std::uint32_t address, std::uint16_t selector,
                                                      std::size_t vector) {
    constexpr std::uint8_t present_interrupt_gate = 0x8e; // 32-bit, DPL 0; IF is cleared
    constexpr std::uint8_t present_task_gate = 0x85;
    if (vector == double_fault_vector) {
        return {.offset_low = 0,
                .selector = VMRUNIT_SELECTOR_FAULT_TASK,
                .reserved = 0,
                .type = present_task_gate,
                .offset_high = 0};
    }
    return {.offset_low = static_cast<std::uint16_t>(address),
            .selector = selector,
            .reserved = 0,
            .type = present_interrupt_gate,
            .offset_high = static_cast<std::uint16_t>(address >> 16)};
}

inline void load_code_segment(std::uint16_t selector) {
    asm volatile("pushl %0\n\t"
                 "pushl $1f\n\t"
                 "lretl\n"
                 "1:"
                 :
                 : "r"(std::uint32_t{selector})
                 : "memory");
}

} // namespace vmrunit::guest
