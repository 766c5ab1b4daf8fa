// SPDX-License-Identifier: GPL-2.0-only
// L1's own GDT, TSS and IDT (APM vol. 2, chapter 4 and 12.2.5). GDT and TSS exist once per CPU; the
// IDT is shared, since it only leads to the stubs of exception_entry.S.
#pragma once

#include "harness/guest/l1_baseline.hpp"

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
    code_32      = 0x30,
    code_16      = 0x38,
    data_16      = 0x40,
    task_state   = 0x48, // two entries long
    // clang-format on
};

inline constexpr std::size_t gdt_entries = 11;
using GlobalDescriptorTable = std::array<std::uint64_t, gdt_entries>;

// 64-bit TSS, APM vol. 2, figure 12-8.
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
};
static_assert(offsetof(TaskStateSegment, stack_pointer) == 0x04);
static_assert(offsetof(TaskStateSegment, interrupt_stack) == 0x24);
static_assert(sizeof(TaskStateSegment) == 0x68);

struct PerCpu;

// Fills this CPU's GDT and TSS and loads GDTR, IDTR, TR, LDTR and all segment registers.
void load_descriptor_tables(PerCpu& cpu, std::uint64_t fault_stack_top);

} // namespace vmrunit::guest
