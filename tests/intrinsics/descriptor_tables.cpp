// SPDX-License-Identifier: GPL-2.0-only
// GDT, IDT and task state for both widths (APM volume 2, chapters 4, 8 and 12). Every exception
// leads back to guarded_call, even where the stack is what a broken variant lost: on x64 exceptions
// have a stack of their own, on x86 such an exception becomes a #DF, and that is a task.
#include "machine.hpp"

extern "C" {
extern const char fault_entries[];
extern const char interrupt_entry[];
#ifdef __x86_64__
uint64_t gdt[5] = {0, 0x00af'9b00'0000'ffff, 0x00cf'9300'0000'ffff, 0, 0};
#else
extern const char double_fault_entry[];
extern const char page_tables[];
uint64_t gdt[5] = {0, 0x00cf'9b00'0000'ffff, 0x00cf'9300'0000'ffff, 0, 0};
#endif
}

namespace {

constexpr uint16_t code_selector = 0x08;
constexpr uint16_t main_task_selector = 0x18;
constexpr unsigned exception_count = 32;
constexpr unsigned interrupt_vector = 0x40;

struct [[gnu::packed]] TablePointer {
    uint16_t limit;
    size_t base;
};

alignas(16) char exception_stack[4096];

uint64_t address_of(const void* object) {
    return reinterpret_cast<size_t>(object);
}

uint64_t task_descriptor(const void* task, size_t size) {
    constexpr uint64_t available_task = uint64_t{0x89} << 40;
    const uint64_t base = address_of(task);
    return available_task | (size - 1) | (base & 0xff'ffff) << 16 | (base & 0xff00'0000) << 32;
}

// The lower 8 bytes of an interrupt gate; the selector of a task gate takes the place of an
// address.
uint64_t gate(uint64_t offset, uint16_t selector, uint8_t type, uint8_t interrupt_stack) {
    return (offset & 0xffff) | uint64_t{selector} << 16 | uint64_t{interrupt_stack} << 32 |
           uint64_t{type} << 40 | (offset & 0xffff'0000) << 32;
}

constexpr uint8_t interrupt_gate = 0x8e;

#ifdef __x86_64__

struct [[gnu::packed]] Task {
    uint32_t reserved_00;
    uint64_t stack[3];
    uint64_t reserved_1c;
    uint64_t interrupt_stack[7];
    uint8_t reserved_5c[10];
    uint16_t io_map;
};

struct Gate {
    uint64_t low;
    uint64_t high;
};

Task main_task;
Gate idt[interrupt_vector + 1];

void fill_tables() {
    // Linked below 4 GiB: the upper halves of addresses are 0.
    main_task.interrupt_stack[0] = address_of(exception_stack) + sizeof(exception_stack);
    main_task.io_map = sizeof(Task);
    gdt[3] = task_descriptor(&main_task, sizeof(Task));
    for (unsigned vector = 0; vector < exception_count; ++vector) {
        idt[vector].low =
            gate(address_of(fault_entries) + 16 * vector, code_selector, interrupt_gate, 1);
    }
    idt[interrupt_vector].low = gate(address_of(interrupt_entry), code_selector, interrupt_gate, 0);
}

#else

struct Task {
    uint32_t back_link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt, io_map;
};

constexpr uint16_t data_selector = 0x10;
constexpr uint16_t double_fault_selector = 0x20;
constexpr unsigned double_fault_vector = 8;
constexpr uint8_t task_gate = 0x85;

Task main_task;
Task double_fault_task;
uint64_t idt[interrupt_vector + 1];

void fill_tables() {
    main_task.io_map = sizeof(Task) << 16;
    double_fault_task.io_map = sizeof(Task) << 16;
    double_fault_task.cr3 = address_of(page_tables);
    double_fault_task.eip = address_of(double_fault_entry);
    double_fault_task.esp = address_of(exception_stack) + sizeof(exception_stack);
    double_fault_task.eflags = 2;
    double_fault_task.cs = code_selector;
    double_fault_task.ss = double_fault_task.ds = double_fault_task.es = data_selector;
    gdt[3] = task_descriptor(&main_task, sizeof(Task));
    gdt[4] = task_descriptor(&double_fault_task, sizeof(Task));
    for (unsigned vector = 0; vector < exception_count; ++vector) {
        idt[vector] =
            gate(address_of(fault_entries) + 16 * vector, code_selector, interrupt_gate, 0);
    }
    idt[double_fault_vector] = gate(0, double_fault_selector, task_gate, 0);
    idt[interrupt_vector] = gate(address_of(interrupt_entry), code_selector, interrupt_gate, 0);
}

#endif

static_assert(sizeof(Task) == 0x68);

} // namespace

void machine::load_descriptor_tables() {
    fill_tables();
    const TablePointer gdt_pointer{sizeof(gdt) - 1, reinterpret_cast<size_t>(gdt)};
    const TablePointer idt_pointer{sizeof(idt) - 1, reinterpret_cast<size_t>(idt)};
    asm volatile("lgdt %0\n\t"
                 "lidt %1\n\t"
                 "ltr %w2"
                 :
                 : "m"(gdt_pointer), "m"(idt_pointer), "r"(unsigned{main_task_selector})
                 : "memory");
}
