// SPDX-License-Identifier: GPL-2.0-only
// See l2_elsewhere.hpp.

#include "guest_payloads/l1/routines/l2_elsewhere.hpp"

#include "guest_payloads/l1/arenas.hpp"
#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_mode.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

// Ticks, for there is no clock whose rate is known: seconds at the usual rates, and 50 ms.
constexpr std::uint64_t long_wait = std::uint64_t{1} << 32;
constexpr std::uint64_t short_wait = std::uint64_t{1} << 27;

template<class Condition>
bool wait_until(std::uint64_t ticks, Condition&& condition) {
    const std::uint64_t begin = read_tsc();
    do {
        if (condition()) {
            return true;
        }
        pause();
    } while (read_tsc() - begin < ticks);
    return false;
}

std::uint64_t events_here() {
    const EventCounts& events = current_cpu().events;
    return events.nmis + events.interrupts;
}

} // namespace

void L2Elsewhere::run(void* self) {
    L2Elsewhere& that = *static_cast<L2Elsewhere*>(self);
    const SvmMode svm{that.host_save_area_};
    if (!use_paging_of(that.l1_mode_) || !svm.entered()) {
        return;
    }
    const std::uint64_t before_run = events_here();
    svm::Vmcb& vmcb = that.arena_.vmcb;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    take_pending_interrupts(); // GIF is clear: none is taken.
    that.seen_.exit_code = static_cast<std::uint64_t>(vmcb.control.exit_code);
    that.seen_.rip = vmcb.save.rip;
    that.seen_.before_stgi = events_here() - before_run;
    __atomic_store_n(&that.phase_, exited, __ATOMIC_RELEASE);
    __svm_stgi();
    take_pending_interrupts();
    that.seen_.behind_stgi = events_here() - before_run;
    admit_nmis(); // L2 leaves its NMI handler without IRET.
    __atomic_store_n(&that.phase_, behind_stgi, __ATOMIC_RELEASE);
}

bool L2Elsewhere::start(std::uint64_t host_save_area) {
    host_save_area_ = host_save_area;
    std::uint8_t& ready = arena_.l2.data[0];
    __atomic_store_n(&ready, 0, __ATOMIC_RELAXED);
    if (start_cpu(second_cpu_id, second_cpu_id, run, this) != CpuStart::started) {
        return false;
    }
    return wait_until(long_wait, [&] { return __atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 1; });
}

bool L2Elsewhere::wait_for(Phase phase, bool expected) const {
    return wait_until(expected ? long_wait : short_wait, [&] {
        return __atomic_load_n(&phase_, __ATOMIC_ACQUIRE) >= static_cast<std::uint32_t>(phase);
    });
}

bool L2Elsewhere::wait_for_exit(bool expected) const {
    return wait_for(exited, expected);
}
bool L2Elsewhere::wait_for_stgi(bool expected) const {
    return wait_for(behind_stgi, expected);
}

namespace {

enum Sent : std::uint32_t { fixed, nmi, init };
constexpr std::uint32_t kind_mask = 0xf;
constexpr std::uint32_t no_exit = 0x10; ///< Nothing that is sent ends L2.

} // namespace

/// Argument: Sent, and `no_exit`. Sends it to the second CPU while L2 runs there. Reports whether
/// L2 ran; whether it exited; exit code and RIP; events that CPU took before its STGI, whether it
/// got behind that, and the events it had by then; whether it can be started anew.
VMRUNIT_ROUTINE(send_to_l2_elsewhere) {
    const std::uint32_t kind = call.argument & kind_mask;
    const bool exits = (call.argument & no_exit) == 0;
    const bool resets = kind == init;
    const LocalApic apic;
    // Lives until the CPU does something else: it writes here while it can.
    L2Elsewhere there{call.arena};
    call.report(there.start(reinterpret_cast<std::uintptr_t>(&arena_copies[1].live.host_save)));
    switch (kind) {
    case nmi:
        apic.send_nmi(second_cpu_id);
        break;
    case init:
        apic.send_init(second_cpu_id);
        break;
    default:
        apic.send_fixed(second_cpu_id, OwnEvent::vector);
    }
    call.report(there.wait_for_exit(exits));
    call.report(there.seen().exit_code);
    call.report(there.seen().rip);
    call.report(there.seen().before_stgi);
    call.report(there.wait_for_stgi(exits && !resets));
    call.report(there.seen().behind_stgi);
    const CpuStart again = start_cpu(
        second_cpu_id, second_cpu_id, [](void*) {}, nullptr);
    call.report(again == CpuStart::started);
}

} // namespace vmrunit::guest
