// SPDX-License-Identifier: GPL-2.0-only
// Provokes exceptions, software interrupts and an NMI in L1 and reports what the guest library
// recorded. The last line comes from the hook for faults nobody waits for.

#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/start.hpp"
#include "tests/guest/print.hpp"

using namespace vmrunit::guest;
using vmrunit::guest_test::print;

// Labels on the instructions under test; L1's addresses are small enough for a name= line.
extern "C" const std::byte ud2_instruction[], wrmsr_instruction[], no_stack_instruction[];
#ifdef __x86_64__
extern "C" const std::byte load_instruction[];
#else
extern "C" const std::byte identity_page_directories[]; // boot.S
#endif

namespace {

void print_fault(std::string_view what, const std::optional<Fault>& fault, const void* rip) {
    print("case", what);
    if (!fault) {
        print("vector", "none");
        return;
    }
    print("vector", static_cast<std::uint64_t>(fault->vector));
    print("error_code", fault->error_code);
    print("has_error_code", fault->has_error_code);
    if (rip)
        print("rip_matches", fault->rip == reinterpret_cast<std::uint64_t>(rip));
    if (fault->vector == Vector::page_fault)
        print("cr2", fault->cr2);
}

void plain_faults() {
    print_fault("ud2", catch_fault([] { asm volatile("ud2_instruction: ud2"); }), ud2_instruction);
    print_fault(
        "wrmsr", catch_fault([] {
            // The host save area must be page-aligned.
            asm volatile("wrmsr_instruction: wrmsr" : : "c"(Msr::vm_hsave_pa), "a"(1), "d"(0));
        }),
        wrmsr_instruction);
#ifdef __x86_64__ // All that 32-bit code can address is mapped.
    print_fault("load", catch_fault([] {
                    std::uint64_t value = 0;
                    asm volatile("load_instruction: mov (%1), %0"
                                 : "=r"(value)
                                 : "r"(identity_map_end + 0x123'4560));
                }),
                load_instruction);
#endif
    print_fault("selector", catch_fault([] { write_fs(0x4228); }), nullptr);
    print_fault("divide", catch_fault([] {
                    asm volatile("divl %0" : : "r"(0), "a"(1), "d"(0) : "cc");
                }),
                nullptr);
    print_fault("int3", catch_fault([] { asm volatile("int3"); }), nullptr);
    print_fault("nothing", catch_fault([] { (void)read_msr(Msr::efer); }), nullptr);
#ifdef __x86_64__
    // The stack is not canonical: #UD cannot be delivered on it, #DF is, on its own stack.
    print_fault("no_stack", catch_fault([] {
                    asm volatile("movabs $0x8000000000000000, %%rsp\n"
                                 "no_stack_instruction: ud2"
                                 :
                                 :
                                 : "memory");
                }),
                nullptr);
#else
    // The same where nothing is mapped: neither #UD nor the #PF can be delivered, #DF is.
    auto* const directory = reinterpret_cast<volatile std::uint64_t*>(
        const_cast<std::byte*>(identity_page_directories));
    constexpr std::uint32_t unused = 0x1000'0000;
    const std::uint64_t entry = directory[unused >> 21];
    static constexpr std::string_view names[]{"no_stack", "no_stack_again"};
    for (const std::string_view name : names) {
        directory[unused >> 21] = 0;
        write_cr3(read_cr3());
        const auto fault = catch_fault([] {
            asm volatile("mov %0, %%esp\n"
                         "no_stack_instruction: ud2"
                         :
                         : "r"(unused + 0x1000)
                         : "memory");
        });
        directory[unused >> 21] = entry;
        write_cr3(read_cr3());
        print_fault(name, fault, no_stack_instruction);
        print("rsp_matches", fault && fault->rsp == unused + 0x1000);
    }
#endif
    print("fault_count", current_cpu().fault_count);
}

// Every register but RSP is thrown away before the fault; what catch_fault's caller holds must
// live.
void registers_survive() {
    std::uint64_t sum = 0;
    for (std::uint64_t round = 1; round <= 100; ++round) {
        const auto fault = catch_fault([] {
#ifdef __x86_64__
            asm volatile("mov $-1, %rax\n\t"
                         "mov %rax, %rbx\n\t"
                         "mov %rax, %rbp\n\t"
                         "mov %rax, %r12\n\t"
                         "mov %rax, %r13\n\t"
                         "mov %rax, %r14\n\t"
                         "mov %rax, %r15\n\t"
                         "std\n\t"
                         "ud2");
#else
            asm volatile("mov $-1, %eax\n\t"
                         "mov %eax, %ebx\n\t"
                         "mov %eax, %ebp\n\t"
                         "mov %eax, %esi\n\t"
                         "mov %eax, %edi\n\t"
                         "std\n\t"
                         "ud2");
#endif
        });
        sum += fault ? round : 0;
    }
    print("case", "registers");
    print("sum", sum);
    print("rflags", read_rflags() & 0x3f'7702);
}

void nested() {
    std::optional<Fault> inner;
    std::uint64_t reached = 0;
    const auto outer = catch_fault([&] {
        inner = catch_fault([] { asm volatile("ud2"); });
        const auto none = catch_fault([] {});
        reached = none ? 0 : 1;
        asm volatile("int3");
        reached = 2;
    });
    print("case", "nested");
    print("inner", inner ? static_cast<std::uint64_t>(inner->vector) : 0xff);
    print("outer", outer ? static_cast<std::uint64_t>(outer->vector) : 0xff);
    print("reached", reached);
}

void events() {
    const EventCounts& events = current_cpu().events;
    const LocalApic apic;
    print("case", "events");
    asm volatile("int $0x41" : : : "memory");
    print("software", events.interrupts);
    print("software_vector", events.last_interrupt_vector);
    apic.send_fixed(apic.id(), 0x92);
    print("requested", apic.requested(0x92));
    print("held", events.interrupts);
    take_pending_interrupts();
    print("taken", events.interrupts);
    print("taken_vector", events.last_interrupt_vector);
    print("in_service", apic.in_service(0x92));
    print("vectors_low", events.interrupt_vectors[1]);
    print("vectors_high", events.interrupt_vectors[2]);
    apic.send_fixed(apic.id(), 0x93);
    apic.send_fixed(apic.id(), 0x31);
    apic.write(ApicRegister::task_priority, 0x40);
    apic.reset();
    print("after_reset", events.interrupts);
    print("pending_after_reset", apic.anything_pending());
    print("priority_after_reset", apic.read(ApicRegister::task_priority));
    apic.send_nmi(apic.id());
    for (int turn = 0;
         turn < 1'000'000 && *const_cast<const volatile std::uint64_t*>(&events.nmis) == 0; ++turn)
        pause();
    print("nmis", events.nmis);
}

void x2apic() {
    print("case", "x2apic");
    const std::uint32_t id_before = LocalApic{}.id();
    const bool entered = set_apic_mode(ApicMode::x2apic);
    print("cpuid_bit", cpuid(1).ecx >> 21 & 1);
    print("entered", entered);
    if (entered) {
        const LocalApic apic;
        apic.reset();
        print("same_id", apic.id() == id_before);
        const std::uint64_t before = current_cpu().events.interrupts;
        apic.send_fixed(apic.id(), 0x55);
        take_pending_interrupts();
        print("taken", current_cpu().events.interrupts - before);
        print("left", set_apic_mode(ApicMode::xapic));
    }
    print("is_xapic", LocalApic{}.mode() == ApicMode::xapic);
}

void report_unexpected(const Fault& fault, const InterruptFrame& frame) {
    print("case", "unexpected");
    print("vector", static_cast<std::uint64_t>(fault.vector));
    print("cr2", fault.cr2);
    print("rax", frame.rax);
    vmrunit::guest_test::print_end();
}

} // namespace

extern "C" void l1_main(const BootInfo&) {
    set_unexpected_fault_hook(report_unexpected);
    plain_faults();
    registers_survive();
    nested();
    events();
    x2apic();
#ifdef __x86_64__
    asm volatile("movb $0, (%%rax)" : : "a"(identity_map_end + 0x777) : "memory");
#else
    asm volatile("mov %w1, %%fs" : : "a"(0x777), "r"(0x4228) : "memory");
#endif
    print("case", "survived");
}
