// SPDX-License-Identifier: GPL-2.0-only
// TSS and gates of 32-bit protected mode. APM vol. 2, 4.7.4 and 12.2.4.
#pragma once

#include "harness/guest/l1_baseline.hpp"

#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

// APM vol. 2, figure 12-7: what a hardware task switch uses is left out.
struct [[gnu::packed]] TaskStateSegment {
    // clang-format off
    std::uint32_t link;
    std::uint32_t stack_pointer_0;          // ESP0
    std::uint32_t stack_selector_0;         // SS0
    std::uint32_t reserved_0c[22];
    std::uint16_t reserved_64;
    std::uint16_t io_map_base;              // at the limit: no map, every port refused at CPL 3
    // clang-format on

    void set_fault_stack(std::uint32_t top) {
        stack_pointer_0 = top;
        stack_selector_0 = VMRUNIT_SELECTOR_DATA;
    }
};
static_assert(offsetof(TaskStateSegment, io_map_base) == 0x66);
static_assert(sizeof(TaskStateSegment) == 0x68);

struct [[gnu::packed]] GateDescriptor {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint8_t reserved;
    std::uint8_t type;
    std::uint16_t offset_high;
};
static_assert(sizeof(GateDescriptor) == 8);

// No gate changes stacks, so none needs the TSS, which between #VMEXIT and VMLOAD is still L2's. A
// fault on a stack that is not there ends the machine: only a task gate would get another one.
[[nodiscard]] constexpr GateDescriptor interrupt_gate(std::uint32_t address, std::uint16_t selector,
                                                      std::size_t /*vector*/) {
    constexpr std::uint8_t present_interrupt_gate = 0x8e; // 32-bit, DPL 0; IF is cleared
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
