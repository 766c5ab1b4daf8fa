// SPDX-License-Identifier: GPL-2.0-only
// The timer of this CPU's local APIC fires while L2 runs: an event between two of L2's instructions
// that needs no second CPU. APM2 15.13.1, 16.4.1.

#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint32_t divide_by_1 = 0xb;
/// 60 ms or so at the usual rates: long enough that L2 has halted.
constexpr std::uint32_t timer_ticks = std::uint32_t{1} << 26;

} // namespace

/// Argument: IF of L1 while L2 runs. Starts the timer, once, and VMRUNs. Reports exit code and
/// saved RIP, how many interrupts L1 took before STGI and how many behind it.
VMRUNIT_ROUTINE(vmrun_with_timer) {
    const LocalApic apic;
    apic.reset();
    const OwnEvent event{OwnEvent::fixed};
    disable_interrupts();
    __svm_clgi();
    apic.write(ApicRegister::timer_divide, divide_by_1);
    apic.write(ApicRegister::timer_entry, OwnEvent::vector); // One shot, not masked.
    apic.write(ApicRegister::timer_initial_count, timer_ticks);
    if (call.argument != 0) {
        asm volatile("sti" : : : "memory"); // Nothing is taken while GIF is clear.
    }
    svm::Vmcb& vmcb = call.arena.vmcb;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code));
    call.report(vmcb.save.rip);
    call.report(event.count());
    disable_interrupts();
    __svm_stgi();
    take_pending_interrupts();
    call.report(event.count());
    // L2 may have taken it through its own IDT, and does not end it.
    if (apic.in_service(OwnEvent::vector)) {
        apic.end_of_interrupt();
    }
    apic.reset();
}

} // namespace vmrunit::guest
