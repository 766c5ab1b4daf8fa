// SPDX-License-Identifier: GPL-2.0-only
// An event that is pending when a case's VMRUN begins. GIF stays clear from the sending to the
// VMRUN, which sets it for L2, so L1 itself does not take it. APM2 15.13, 15.17.

#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>
#include <optional>

namespace vmrunit::guest {
namespace {

/// From one step of a case to a later one. Only one CPU runs such cases.
constinit std::optional<OwnEvent> pending;

/// Of the APIC before a case that has it in memory.
constinit std::optional<ApicMode> other_mode;

constexpr std::uint32_t kind_mask = 0xf;
constexpr std::uint32_t l1_takes_interrupts = 0x10;
constexpr std::uint32_t in_memory = 0x20;
constexpr unsigned priority_at = 8;
constexpr std::uint32_t priority_mask = 0xf;
constexpr unsigned priority_shift = 4; ///< In the APIC's register.

} // namespace

/// Argument: OwnEvent::Kind; 10h to have L1's IF set while L2 runs, 20h to have the APIC in memory,
/// and from bit 8 on the task priority of L1, as CR8 has it.
VMRUNIT_ROUTINE(pend_own_event) {
    if ((call.argument & in_memory) != 0) {
        other_mode = LocalApic{}.mode();
        (void)set_apic_mode(ApicMode::xapic);
    }
    const LocalApic apic;
    apic.reset();
    apic.write(ApicRegister::task_priority, (call.argument >> priority_at & priority_mask)
                                                << priority_shift);
    pending.emplace(call.argument & kind_mask);
    __svm_clgi();
    pending->send();
    if ((call.argument & l1_takes_interrupts) != 0) {
        asm volatile("sti" : : : "memory");
    }
    call.leaves_gif_clear = true;
}

/// Reports the task priority, as CR8 has it: what became of L1's, if L2 could reach it.
VMRUNIT_ROUTINE(own_task_priority) {
    call.report(LocalApic{}.read(ApicRegister::task_priority) >> priority_shift);
}

/// Reports the vector of the interrupt that L1 took last.
VMRUNIT_ROUTINE(last_own_vector) {
    call.report(current_cpu().events.last_interrupt_vector);
}

/// Reports how many events L1 has got since: 1 if L2 did not take it.
VMRUNIT_ROUTINE(count_own_event) {
    const LocalApic apic;
    apic.write(ApicRegister::task_priority, 0);
    apic.end_of_interrupt(); // Of the one that L2 took, which keeps lower ones waiting.
    take_pending_interrupts();
    admit_nmis(); // L2 leaves its NMI handler without IRET.
    call.report(pending ? pending->count() : 0);
    pending.reset();
    apic.reset();
    if (other_mode) {
        (void)set_apic_mode(*other_mode);
        other_mode.reset();
    }
}

} // namespace vmrunit::guest
