// SPDX-License-Identifier: GPL-2.0-only
// Filling and loading of L1's descriptor tables.

#include "harness/guest/descriptor_tables.hpp"

#include "harness/guest/cpu.hpp"
#include "harness/guest/per_cpu.hpp"

namespace vmrunit::guest {
namespace {

constexpr std::size_t idt_entries = 256;
constexpr std::size_t stub_size = 16; // exception_entry.S

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
    0, 0,                  // task_state, and in a 32-bit L1 the task of #DF
    // clang-format on
};

constexpr std::size_t task_state_entry = static_cast<std::size_t>(Selector::task_state) / 8;
static_assert(task_state_entry + 2 == gdt_entries);

std::uint64_t task_descriptor(std::uint64_t base) {
    constexpr std::uint64_t limit = sizeof(TaskStateSegment) - 1;
    constexpr std::uint64_t present_available = 0x89;
    return limit | (base & 0xff'ffff) << 16 | present_available << 40 | (base >> 24 & 0xff) << 56;
}

std::uintptr_t stub_of(std::size_t vector) {
    return reinterpret_cast<std::uintptr_t>(&guest_exception_stubs[vector * stub_size]);
}

void set_task_descriptors(PerCpu& cpu, [[maybe_unused]] std::uintptr_t fault_stack_top) {
    const auto base = reinterpret_cast<std::uintptr_t>(&cpu.task_state);
    cpu.gdt[task_state_entry] = task_descriptor(base);
#ifdef __x86_64__
    cpu.gdt[task_state_entry + 1] = base >> 32;
#else
    cpu.fault_task.prepare(stub_of(double_fault_vector), fault_stack_top,
                           static_cast<std::uint32_t>(read_cr3()));
    cpu.gdt[task_state_entry + 1] =
        task_descriptor(reinterpret_cast<std::uintptr_t>(&cpu.fault_task.state));
#endif
}

void fill_interrupt_descriptor_table() {
    for (std::size_t vector = 0; vector < idt_entries; ++vector) {
        interrupt_descriptor_table[vector] =
            interrupt_gate(stub_of(vector), static_cast<std::uint16_t>(l1_code), vector);
    }
}

} // namespace

#ifndef __x86_64__
void take_interrupted_state(PerCpu& cpu, InterruptFrame& frame) {
    constexpr std::uint64_t nested_task = 1u << 14;
    constexpr std::uint64_t task_switched = 1u << 3;
    const TaskStateSegment& interrupted = cpu.task_state;
    frame.rsp = interrupted.esp;
    frame.rip = interrupted.eip;
    frame.cs = interrupted.cs;
    frame.rflags = interrupted.eflags;
    // The way on is not an IRET to another task: this one becomes the only one again.
    write_cr0(read_cr0() & ~task_switched);
    write_rflags(read_rflags() & ~nested_task);
    cpu.task_state.eip = 0;
    set_task_descriptors(cpu, cpu.fault_task.stack_top);
    write_tr(VMRUNIT_SELECTOR_TASK_STATE);
}
#endif

void load_descriptor_tables(PerCpu& cpu, std::uintptr_t fault_stack_top) {
    cpu.task_state = {};
    cpu.task_state.set_fault_stack(fault_stack_top);
    cpu.task_state.io_map_base = sizeof(TaskStateSegment);

    cpu.gdt = flat_segments;
    set_task_descriptors(cpu, fault_stack_top);
    fill_interrupt_descriptor_table();

    write_gdtr({.limit = sizeof(cpu.gdt) - 1, .base = reinterpret_cast<std::uintptr_t>(&cpu.gdt)});
    write_idtr({.limit = sizeof(interrupt_descriptor_table) - 1,
                .base = reinterpret_cast<std::uintptr_t>(interrupt_descriptor_table.data())});
    load_code_segment(static_cast<std::uint16_t>(l1_code));
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
