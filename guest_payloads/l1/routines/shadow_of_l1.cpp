// SPDX-License-Identifier: GPL-2.0-only
// VMRUN in an interrupt shadow of L1's own. What L2 has of one is in the VMCB.
// APM2 15.5.1, 15.21.5.

#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

enum Shadow : std::uint32_t { of_sti = 1, of_mov_ss = 2 };
constexpr std::uint32_t kind_mask = 0xf;
constexpr std::uint32_t pending = 0x10;

void vmrun_behind(std::uint32_t shadow, std::uintptr_t vmcb) {
    switch (shadow) {
    case of_sti:
        asm volatile("sti\n\t.byte 0x0f, 0x01, 0xd8" : : "a"(vmcb) : "memory", "cc");
        break;
    case of_mov_ss: {
        std::uint32_t selector = 0;
        asm volatile("sti\n\tnop\n\t" // As behind STI, but for the shadow.
                     "mov %%ss, %0\n\t"
                     "mov %0, %%ss\n\t"
                     ".byte 0x0f, 0x01, 0xd8"
                     : "=&r"(selector)
                     : "a"(vmcb)
                     : "memory", "cc");
        break;
    }
    default:
        asm volatile("sti\n\tnop\n\t.byte 0x0f, 0x01, 0xd8" : : "a"(vmcb) : "memory", "cc");
    }
}

} // namespace

/// Argument: a Shadow or 0, and 10h to have an interrupt of this CPU's own pending. Reports the
/// lower half of the exit code, the saved RIP, INTERRUPT_SHADOW as it was stored, and how many
/// interrupts L1 has had by the time behind STGI.
VMRUNIT_ROUTINE(vmrun_in_shadow) {
    LocalApic{}.reset();
    const OwnEvent event{OwnEvent::fixed};
    disable_interrupts();
    __svm_clgi();
    if ((call.argument & pending) != 0) {
        event.send();
    }
    svm::Vmcb& vmcb = call.arena.vmcb;
    vmrun_behind(call.argument & kind_mask, reinterpret_cast<std::uintptr_t>(&vmcb));
    disable_interrupts();
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
    call.report(vmcb.save.rip);
    call.report(vmcb.control.interrupt_shadow.get(svm::InterruptShadow::interrupt_shadow));
    __svm_stgi();
    take_pending_interrupts();
    call.report(event.count());
    LocalApic{}.reset();
}

} // namespace vmrunit::guest
