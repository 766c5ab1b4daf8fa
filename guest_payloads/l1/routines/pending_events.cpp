// SPDX-License-Identifier: GPL-2.0-only
// Several events that are pending at once when VMRUN sets GIF. APM2 8.5, 15.13, 15.17.

#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {

/// Argument: bit n, an event of OwnEvent::Kind n has been pending since GIF was cleared. L1's IF is
/// set. Reports the lower half of the exit code and the saved RIP; then of interrupts, NMIs and
/// SMIs how many had been handled before STGI, and how many behind it.
VMRUNIT_ROUTINE(vmrun_with_events) {
    LocalApic{}.reset();
    const OwnEvent events[] = {OwnEvent{OwnEvent::fixed}, OwnEvent{OwnEvent::nmi},
                               OwnEvent{OwnEvent::smi}};
    disable_interrupts();
    __svm_clgi();
    for (unsigned kind = 0; kind < 3; ++kind) {
        if ((call.argument >> kind & 1) != 0) {
            events[kind].send();
        }
    }
    asm volatile("sti" : : : "memory"); // Nothing is taken while GIF is clear.
    svm::Vmcb& vmcb = call.arena.vmcb;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    disable_interrupts();
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
    call.report(vmcb.save.rip);
    for (const OwnEvent& event : events) {
        call.report(event.count());
    }
    __svm_stgi();
    take_pending_interrupts();
    for (const OwnEvent& event : events) {
        call.report(event.count());
    }
    admit_nmis(); // L2 leaves its NMI handler without IRET.
    LocalApic{}.reset();
}

} // namespace vmrunit::guest
