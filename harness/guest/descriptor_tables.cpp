// SPDX-License-Identifier: GPL-2.0-only
// Filling and loading of L1's descriptor tables.

#include "harness/guest/descriptor_tables.hpp"

#include "harness/guest/cpu.hpp"
#include "harness/guest/per_cpu.hpp"

namespace vmrunit::guest {
namespace {

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

constexpr std::size_t idt_entries = 256;
constexpr std::size_t stub_size = 16; // exception_entry.S
constexpr std::uint8_t double_fault = 8;
constexpr std::uint8_t interrupt_gate = 0x8e; // present, DPL 0, 64-bit: IF is cleared

constinit std::array<GateDescriptor, idt_entries> interrupt_descriptor_table{};

extern "C" const std::byte guest_exception_stubs[];

// Flat, accessed bit set so that loading a selector never writes to the table.
constexpr GlobalDescriptorTable flat_segments{
    // clang-format off
    0x0000'0000'0000'0000,
    0x00af'9b00'0000'ffff, // code_64
    0x00cf'9300'0000'ffff, // data
    0x00cf'fb00'0000'ffff, // user_code_32
    0x00cf'f300'0000'ffff, // user_data
    0x00af'fb00'0000'ffff, // user_code_64
    0x00cf'9b00'0000'ffff, // code_32
    0x0000'9b00'0000'ffff, // code_16, base 0, limit 64 KiB
    0x0000'9300'0000'ffff, // data_16
    0, 0,                  // task_state
    // clang-format on
};

constexpr std::size_t task_state_entry = static_cast<std::size_t>(Selector::task_state) / 8;
static_assert(task_state_entry + 2 == gdt_entries);

void set_task_state_descriptor(GlobalDescriptorTable& gdt, std::uint64_t base) {
    constexpr std::uint64_t limit = sizeof(TaskStateSegment) - 1;
    constexpr std::uint64_t present_available = 0x89;
    gdt[task_state_entry] =
        limit | (base & 0xff'ffff) << 16 | present_available << 40 | (base >> 24 & 0xff) << 56;
    gdt[task_state_entry + 1] = base >> 32;
}

void fill_interrupt_descriptor_table() {
    for (std::size_t vector = 0; vector < idt_entries; ++vector) {
        const auto address =
            reinterpret_cast<std::uint64_t>(&guest_exception_stubs[vector * stub_size]);
        // Only #DF changes stacks: it comes where the stack is not to be trusted. All else stays on
        // the interrupted stack and needs no TSS, which matters between #VMEXIT and VMLOAD, when TR
        // is still L2's.
        interrupt_descriptor_table[vector] = {
            .offset_low = static_cast<std::uint16_t>(address),
            .selector = static_cast<std::uint16_t>(Selector::code_64),
            .interrupt_stack = static_cast<std::uint8_t>(vector == double_fault ? 1 : 0),
            .type = interrupt_gate,
            .offset_middle = static_cast<std::uint16_t>(address >> 16),
            .offset_high = static_cast<std::uint32_t>(address >> 32),
            .reserved = 0,
        };
    }
}

void load_code_segment(Selector selector) {
    asm volatile("pushq %0\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "lretq\n"
                 "1:"
                 :
                 : "r"(static_cast<std::uint64_t>(selector))
                 : "rax", "memory");
}

} // namespace

void load_descriptor_tables(PerCpu& cpu, std::uint64_t fault_stack_top) {
    cpu.task_state = {};
    cpu.task_state.stack_pointer[0] = fault_stack_top;
    cpu.task_state.interrupt_stack[0] = fault_stack_top;
    cpu.task_state.io_map_base = sizeof(TaskStateSegment);

    cpu.gdt = flat_segments;
    set_task_state_descriptor(cpu.gdt, reinterpret_cast<std::uint64_t>(&cpu.task_state));
    fill_interrupt_descriptor_table();

    write_gdtr({.limit = sizeof(cpu.gdt) - 1, .base = reinterpret_cast<std::uint64_t>(&cpu.gdt)});
    write_idtr({.limit = sizeof(interrupt_descriptor_table) - 1,
                .base = reinterpret_cast<std::uint64_t>(interrupt_descriptor_table.data())});
    load_code_segment(Selector::code_64);
    constexpr auto data = static_cast<std::uint16_t>(Selector::data);
    write_ds(data);
    write_es(data);
    write_ss(data);
    write_fs(0);
    write_gs(0);
    write_ldtr(0);
    write_tr(static_cast<std::uint16_t>(Selector::task_state));
}

} // namespace vmrunit::guest
