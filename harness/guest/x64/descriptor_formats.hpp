// SPDX-License-Identifier: GPL-2.0-only
// TSS and gates of long mode. APM vol. 2, 4.8.4 and 12.2.5.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

// APM vol. 2, figure 12-8.
struct [[gnu::packed]] TaskStateSegment {
    // clang-format off
    std::uint32_t reserved_00;
    std::uint64_t stack_pointer[3];         // RSP0-RSP2
    std::uint64_t reserved_1c;
    std::uint64_t interrupt_stack[7];       // IST1-IST7
    std::uint64_t reserved_5c;
    std::uint16_t reserved_64;
    std::uint16_t io_map_base;              // at the limit: no map, every port refused at CPL 3
    // clang-format on

    void set_fault_stack(std::uint64_t top) {
        stack_pointer[0] = top;
        interrupt_stack[0] = top;
    }
};
static_assert(offsetof(TaskStateSegment, stack_pointer) == 0x04);
static_assert(offsetof(TaskStateSegment, interrupt_stack) == 0x24);
static_assert(sizeof(TaskStateSegment) == 0x68);

// #DF has a stack of its own by the TSS, not a task.
struct FaultTask {};

struct [[gnu::packed]] GateDescriptor {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint8_t interrupt_stack;
    std::uint8_t type;
    std::uint16_t offset_middle;
    std::uint32_t offset_high;
    std::uint32_t reserved;
};
static_assert(sizeof(GateDescriptor) == 16);

// Only #DF changes stacks: it comes where the stack is not to be trusted. All else stays on the
// interrupted stack and needs no TSS, which matters after an L2, when TR is still L2's.
[[nodiscard]] constexpr GateDescriptor interrupt_gate(std::uint64_t address, std::uint16_t selector,
                                                      std::size_t vector) {
    constexpr std::size_t double_fault = 8;
    constexpr std::uint8_t present_interrupt_gate = 0x8e; // DPL 0; IF is cleared
    return {.offset_low = static_cast<std::uint16_t>(address),
            .selector = selector,
            .interrupt_stack = static_cast<std::uint8_t>(vector == double_fault ? 1 : 0),
            .type = present_interrupt_gate,
            .offset_middle = static_cast<std::uint16_t>(address >> 16),
            .offset_high = static_cast<std::uint32_t>(address >> 32),
            .reserved = 0};
}

inline void load_code_segment(std::uint16_t selector) {
    asm volatile("pushq %0\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "lretq\n"
                 "1:"
                 :
                 : "r"(std::uint64_t{selector})
                 : "rax", "memory");
}

} // namespace vmrunit::guest
