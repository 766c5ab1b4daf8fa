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
/// 60 ms or so at the usual rates, mostly long enough that L2 has halted; and what is tried at most
/// where it was not.
constexpr std::uint32_t first_ticks = std::uint32_t{1} << 26;
constexpr std::uint32_t most_ticks = first_ticks << 5;

struct Outcome {
    std::uint64_t exit_code;
    std::uint64_t rip;
    std::uint64_t before_stgi;
    std::uint64_t behind_stgi;
};

Outcome run_with_timer(svm::Vmcb& vmcb, bool l1_takes_interrupts, std::uint32_t ticks) {
    const LocalApic apic;
    apic.reset();
    const OwnEvent event{OwnEvent::fixed};
    disable_interrupts();
    __svm_clgi();
    apic.write(ApicRegister::timer_divide, divide_by_1);
    apic.write(ApicRegister::timer_entry, OwnEvent::vector); // One shot, not masked.
    apic.write(ApicRegister::timer_initial_count, ticks);
    if (l1_takes_interrupts) {
        asm volatile("sti" : : : "memory"); // Nothing is taken while GIF is clear.
    }
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    Outcome outcome{static_cast<std::uint64_t>(vmcb.control.exit_code), vmcb.save.rip,
                    event.count(), 0};
    disable_interrupts();
    __svm_stgi();
    take_pending_interrupts();
    outcome.behind_stgi = event.count();
    // L2 may have taken it through its own IDT, and does not end it.
    if (apic.in_service(OwnEvent::vector)) {
        apic.end_of_interrupt();
    }
    apic.reset();
    return outcome;
}

} // namespace

/// Argument: IF of L1 while L2 runs, whose first instruction is HLT. Starts the timer, once, and
/// VMRUNs; where the interrupt exits before HLT, again, with twice the time. Reports exit code and
/// saved RIP, how many interrupts L1 took before STGI and how many behind it.
VMRUNIT_ROUTINE(vmrun_with_timer) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    svm::Vmcb& fresh = call.arena.spare_vmcb;
    fresh = vmcb;
    Outcome outcome{};
    for (std::uint32_t ticks = first_ticks;; ticks *= 2) {
        vmcb = fresh;
        outcome = run_with_timer(vmcb, call.argument != 0, ticks);
        // A subject that stores HLT's own address does so each time.
        const bool before_hlt =
            outcome.exit_code == static_cast<std::uint64_t>(svm::ExitCode::intr) &&
            outcome.rip == fresh.save.rip;
        if (!before_hlt || ticks == most_ticks) {
            break;
        }
    }
    fresh = {};
    call.report(outcome.exit_code);
    call.report(outcome.rip);
    call.report(outcome.before_stgi);
    call.report(outcome.behind_stgi);
}

} // namespace vmrunit::guest
