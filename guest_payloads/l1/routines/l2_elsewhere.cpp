// SPDX-License-Identifier: GPL-2.0-only
// See l2_elsewhere.hpp.

#include "guest_payloads/l1/routines/l2_elsewhere.hpp"

#include "guest_payloads/l1/arenas.hpp"
#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_mode.hpp"
#include "harness/guest/wait.hpp"
#include "harness/svm/msr.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

std::uint64_t events_here() {
    const EventCounts& events = current_cpu().events;
    return events.nmis + events.interrupts + SmmHandler::count();
}

/// Flips bits of VM_CR, on a CPU that has it. Whether they are flipped then.
bool change_vm_cr(std::uint64_t bits) {
    if (bits == 0) {
        return true;
    }
    bool flipped = false;
    (void)catch_fault([&] {
        const std::uint64_t wanted = read_msr(Msr::vm_cr) ^ bits;
        write_msr(Msr::vm_cr, wanted);
        flipped = read_msr(Msr::vm_cr) == wanted;
    });
    return flipped;
}

} // namespace

void L2Elsewhere::run(void* self) {
    L2Elsewhere& that = *static_cast<L2Elsewhere*>(self);
    const SvmMode svm{that.host_save_area_};
    if (!svm.entered()) {
        return;
    }
    const std::uint64_t before_run = events_here();
    that.seen_.vm_cr_is_set = change_vm_cr(that.options_.vm_cr);
    if (that.options_.holds) {
        __svm_clgi();
        __atomic_store_n(&that.phase_, holding, __ATOMIC_RELEASE);
        (void)wait_until(long_wait, [&] {
            __atomic_fetch_add(&that.pulse_, 1, __ATOMIC_RELAXED);
            return __atomic_load_n(&that.let_go_, __ATOMIC_ACQUIRE);
        });
    }
    svm::Vmcb& vmcb = that.arena_.vmcb;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    take_pending_interrupts(); // GIF is clear: none is taken.
    that.seen_.exit_code = static_cast<std::uint64_t>(vmcb.control.exit_code);
    that.seen_.rip = vmcb.save.rip;
    that.seen_.exit_info_1 = vmcb.control.exit_info_1;
    that.seen_.before_stgi = events_here() - before_run;
    __atomic_store_n(&that.phase_, exited, __ATOMIC_RELEASE);
    __svm_stgi();
    take_pending_interrupts();
    that.seen_.behind_stgi = events_here() - before_run;
    admit_nmis(); // L2 leaves its NMI handler without IRET.
    (void)change_vm_cr(that.options_.vm_cr);
    __atomic_store_n(&that.phase_, behind_stgi, __ATOMIC_RELEASE);
}

bool L2Elsewhere::start(std::uint64_t host_save_area) {
    host_save_area_ = host_save_area;
    std::uint8_t& ready = l2_word();
    __atomic_store_n(&ready, 0, __ATOMIC_RELAXED);
    if (start_cpu(second_cpu_id, second_cpu_id, run, this) != CpuStart::started) {
        return false;
    }
    if (options_.holds) {
        return wait_for(holding, true);
    }
    return wait_until(long_wait, [&] { return __atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 1; });
}

bool L2Elsewhere::still_holds() const {
    const std::uint32_t before = __atomic_load_n(&pulse_, __ATOMIC_RELAXED);
    return wait_until(short_wait,
                      [&] { return __atomic_load_n(&pulse_, __ATOMIC_RELAXED) != before; });
}

void L2Elsewhere::run_held() {
    __atomic_store_n(&let_go_, true, __ATOMIC_RELEASE);
}

std::uint8_t& L2Elsewhere::l2_word() const {
    return *reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(arena_.vmcb.save.rax));
}

bool L2Elsewhere::wait_for(Phase phase, bool expected) const {
    const auto reached = [&] {
        return __atomic_load_n(&phase_, __ATOMIC_ACQUIRE) >= static_cast<std::uint32_t>(phase);
    };
    return expected ? wait_until(long_wait, reached) : happens_within(short_wait, reached);
}

bool L2Elsewhere::wait_for_exit(bool expected) const {
    return wait_for(exited, expected);
}

bool L2Elsewhere::wait_for_exit_by_init() const {
    return wait_for_exit(false) ||
           (!takes_startup(second_cpu_id, second_cpu_id) && wait_for_exit(true));
}

bool L2Elsewhere::wait_for_stgi(bool expected) const {
    return wait_for(behind_stgi, expected);
}

namespace {

enum Sent : std::uint32_t { fixed, nmi, init, smi };
constexpr std::uint32_t kind_mask = 0xf;
constexpr std::uint32_t no_exit = 0x10;   ///< Nothing that is sent ends L2.
constexpr std::uint32_t halts = 0x20;     ///< L2 halts, and has time to before anything is sent.
constexpr std::uint32_t redirects = 0x40; ///< VM_CR.R_INIT is set.
constexpr std::uint32_t released = 0x80;  ///< L2 goes on when it is told to, behind what is sent.
constexpr std::uint32_t then_nmi = 0x100; ///< What is sent does not wake L2; an NMI behind it does.
constexpr std::uint32_t held = 0x200;     ///< What is sent is pending when VMRUN sets GIF...
constexpr std::uint32_t with_nmi = 0x400; ///< ...behind an NMI.
constexpr std::uint32_t ends_hlt = 0x800; ///< The SMM handler has L2 go on behind its HLT.

/// Long enough for L2 to halt, or to be woken.
void wait_a_moment() {
    (void)happens_within(short_wait * 4, [] { return false; });
}

void release(L2Elsewhere& there, std::uint32_t kind) {
    constexpr std::uint8_t go_on = 2;
    if (kind == smi) {
        (void)wait_until(long_wait, [] { return SmmHandler::count() != 0; });
    }
    __atomic_store_n(&there.l2_word(), go_on, __ATOMIC_RELEASE);
}

void send(const LocalApic& apic, std::uint32_t kind) {
    switch (kind) {
    case nmi:
        apic.send_nmi(second_cpu_id);
        break;
    case init:
        apic.send_init(second_cpu_id);
        break;
    case smi:
        apic.send_smi(second_cpu_id);
        break;
    default:
        apic.send_fixed(second_cpu_id, OwnEvent::vector);
    }
}

} // namespace

/// Argument: Sent, with `no_exit`, `halts`, `redirects`, `released`, `then_nmi`, `held`, `with_nmi`
/// and `ends_hlt`. Sends it to the second CPU while L2 runs there, or before, while GIF is clear.
/// Reports whether L2 ran, or the CPU waited with GIF clear until it had been sent; whether it
/// exited; exit code and RIP; events that CPU took before its STGI, whether it got behind that, and
/// the events it had by then; whether it can be started anew; and EXITINFO1.
VMRUNIT_ROUTINE(send_to_l2_elsewhere) {
    const std::uint32_t kind = call.argument & kind_mask;
    const bool exits = (call.argument & no_exit) == 0;
    const bool redirected = (call.argument & redirects) != 0;
    const bool resets = kind == init && !redirected;
    const LocalApic apic;
    if (kind == smi) {
        // Each CPU has its SMBASE at the same place.
        SmmHandler::install((call.argument & ends_hlt) != 0 ? SmmHandler::Halted::goes_on
                                                            : SmmHandler::Halted::halts_again);
    }
    // Lives until the CPU does something else: it writes here while it can.
    const bool holds = (call.argument & held) != 0;
    L2Elsewhere there{call.arena, {redirected ? svm::vm_cr::r_init : 0, holds}};
    bool ready = there.start(reinterpret_cast<std::uintptr_t>(&arena_copies[1].live.host_save));
    if ((call.argument & halts) != 0) {
        wait_a_moment();
    }
    if ((call.argument & with_nmi) != 0) {
        apic.send_nmi(second_cpu_id);
    }
    send(apic, kind);
    if ((call.argument & then_nmi) != 0) {
        wait_a_moment();
        apic.send_nmi(second_cpu_id);
    }
    if (holds) {
        (void)happens_within(short_wait, [] { return false; });
        ready = ready && there.still_holds();
        there.run_held();
    }
    call.report(ready);
    if ((call.argument & released) != 0) {
        release(there, kind);
    }
    // Where R_INIT cannot be set, INIT is none that is redirected.
    const bool expected = exits && there.seen().vm_cr_is_set;
    const bool exited =
        expected && kind == init ? there.wait_for_exit_by_init() : there.wait_for_exit(expected);
    call.report(exited);
    call.report(there.seen().exit_code);
    call.report(there.seen().rip);
    call.report(there.seen().before_stgi);
    call.report(there.wait_for_stgi(exited && !resets));
    call.report(there.seen().behind_stgi);
    const CpuStart again = start_cpu(
        second_cpu_id, second_cpu_id, [](void*) {}, nullptr);
    call.report(again == CpuStart::started);
    call.report(there.seen().exit_info_1);
}

} // namespace vmrunit::guest
