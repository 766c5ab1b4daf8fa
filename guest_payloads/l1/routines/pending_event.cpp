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

constexpr std::uint32_t kind_mask = 0xf;
constexpr std::uint32_t l1_takes_interrupts = 0x10;

} // namespace

/// Argument: OwnEvent::Kind, and 10h to have L1's IF set while L2 runs.
VMRUNIT_ROUTINE(pend_own_event) {
    LocalApic{}.reset();
    pending.emplace(call.argument & kind_mask);
    __svm_clgi();
    pending->send();
    if ((call.argument & l1_takes_interrupts) != 0) {
        asm volatile("sti" : : : "memory");
    }
    call.leaves_gif_clear = true;
}

/// Reports how many events L1 has got since: 1 if L2 did not take it.
VMRUNIT_ROUTINE(count_own_event) {
    take_pending_interrupts();
    admit_nmis(); // L2 leaves its NMI handler without IRET.
    call.report(pending ? pending->count() : 0);
    pending.reset();
    LocalApic{}.reset();
}

} // namespace vmrunit::guest
