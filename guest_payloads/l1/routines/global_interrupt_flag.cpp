// SPDX-License-Identifier: GPL-2.0-only
// GIF as interrupts show it: they wait while it is clear, whatever RFLAGS.IF says. APM2 15.17.

#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {

/// Argument: OwnEvent::Kind. Reports how many arrived while GIF was clear and IF set, whether CLGI
/// touched IF, and how many arrived behind STGI.
VMRUNIT_ROUTINE(clgi_holds) {
    LocalApic{}.reset();
    const OwnEvent event{call.argument};
    const std::uint64_t before = read_rflags();
    __svm_clgi();
    const std::uint64_t after = read_rflags();
    event.send();
    take_pending_interrupts();
    call.report(event.count());
    call.report((before ^ after) & 0x200);
    __svm_stgi();
    take_pending_interrupts();
    call.report(event.count());
}

/// Argument: OwnEvent::Kind. With GIF set, a second STGI changes nothing: reports how many arrived.
VMRUNIT_ROUTINE(stgi_again) {
    LocalApic{}.reset();
    const OwnEvent event{call.argument};
    __svm_stgi();
    event.send();
    take_pending_interrupts();
    call.report(event.count());
}

/// An interrupt is pending before the VMRUN, but L1's IF is clear and L2's too. Reports how many
/// arrived after the #VMEXIT with IF set, and how many behind STGI; then the exit code.
VMRUNIT_ROUTINE(vmrun_clears_gif) {
    LocalApic{}.reset();
    const OwnEvent event{OwnEvent::fixed};
    disable_interrupts();
    event.send();
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    take_pending_interrupts();
    call.report(event.count());
    __svm_stgi();
    take_pending_interrupts();
    call.report(event.count());
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code));
}

/// Argument: bit 0, IF of L1 at the VMRUN; above it 0, or Kind + 1 of an event that has been
/// pending since GIF was cleared. Reports the exit code, the saved RIP, how many events arrived
/// before STGI and how many behind it, and EXITINFO1.
VMRUNIT_ROUTINE(vmrun_with_event) {
    LocalApic{}.reset();
    const std::uint32_t sent = call.argument >> 1;
    const OwnEvent event{sent == 0 ? std::uint32_t{OwnEvent::fixed} : sent - 1};
    disable_interrupts();
    __svm_clgi();
    if (sent != 0) {
        event.send();
    }
    if ((call.argument & 1) != 0) {
        asm volatile("sti" : : : "memory"); // Nothing is taken while GIF is clear.
    }
    svm::Vmcb& vmcb = call.arena.vmcb;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    disable_interrupts();
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code));
    call.report(vmcb.save.rip);
    call.report(event.count());
    __svm_stgi();
    take_pending_interrupts();
    call.report(event.count());
    call.report(vmcb.control.exit_info_1);
    // L2 may have taken the event through its own IDT, and does not end it.
    const LocalApic apic;
    if (apic.in_service(OwnEvent::vector)) {
        apic.end_of_interrupt();
    }
    admit_nmis();
}

} // namespace vmrunit::guest
