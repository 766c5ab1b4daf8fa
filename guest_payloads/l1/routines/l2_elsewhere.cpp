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
    const auto is_ready = [&] { return __atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 1; };
    // An L2 that is out of VMRUN before it says so never will.
    (void)wait_until(long_wait, [&] { return is_ready() || reached(exited); });
    return is_ready();
}

template<class Condition>
void L2Elsewhere::wait_for_reset_or(Condition&& condition) {
    const auto decided = [&] {
        is_reset_ = is_reset_ || (probe_ && probe_->taken());
        return is_reset_ || condition();
    };
    // An exit is there at once, as a rule.
    constexpr Patience first{.ticks = std::uint64_t{1} << 24, .looks = std::uint64_t{1} << 12};
    if (happens_within(first, decided)) {
        return;
    }
    if (!probe_) {
        probe_.emplace(second_cpu_id, second_cpu_id);
    }
    // One message of 50 ms after the other: what comes before INIT is finished is lost.
    constexpr Patience messages{.ticks = long_wait.ticks, .looks = 64};
    (void)wait_until(messages, [&] {
        probe_->send();
        return happens_within(StartupProbe::per_message, decided);
    });
}

bool L2Elsewhere::still_holds(bool init_was_sent) {
    // So many rounds that it has run on behind what was sent, however late it had its turn.
    constexpr std::uint32_t rounds = 1u << 12;
    const std::uint32_t before = __atomic_load_n(&pulse_, __ATOMIC_RELAXED);
    const auto holds = [&] {
        return __atomic_load_n(&pulse_, __ATOMIC_RELAXED) - before >= rounds;
    };
    if (!init_was_sent) {
        return wait_until(long_wait, holds);
    }
    wait_for_reset_or(holds);
    return holds();
}

void L2Elsewhere::run_held() {
    __atomic_store_n(&let_go_, true, __ATOMIC_RELEASE);
}

std::uint8_t& L2Elsewhere::l2_word() const {
    return *reinterpret_cast<std::uint8_t*>(static_cast<std::uintptr_t>(arena_.vmcb.save.rax));
}

bool L2Elsewhere::reached(Phase phase) const {
    return __atomic_load_n(&phase_, __ATOMIC_ACQUIRE) >= static_cast<std::uint32_t>(phase);
}

bool L2Elsewhere::wait_for(Phase phase, bool expected) const {
    const auto condition = [&] { return reached(phase); };
    if (is_reset_) {
        return condition(); // Nothing changes that any more.
    }
    return expected ? wait_until(long_wait, condition) : happens_within(short_wait, condition);
}

bool L2Elsewhere::wait_for_exit(bool expected) const {
    return wait_for(exited, expected);
}

bool L2Elsewhere::wait_for_exit_by_init() {
    const auto exits = [&] { return reached(exited); };
    wait_for_reset_or(exits);
    return exits();
}

bool L2Elsewhere::is_reset() {
    wait_for_reset_or([&] { return reached(behind_stgi); });
    if (!is_reset_) {
        if (!probe_) {
            probe_.emplace(second_cpu_id, second_cpu_id);
        }
        probe_->send();
        is_reset_ = happens_within(StartupProbe::per_message, [&] { return probe_->taken(); });
    }
    return is_reset_;
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
constexpr std::uint32_t waits = 0x1000;   ///< `released`, but GIF of L2 keeps away what is sent.

/// 200 ms or so, or as much of that as a fast host gets by with: for L2 to halt, or to be woken.
constexpr std::uint64_t moments = 4;

void wait_a_moment(std::uint64_t times) {
    (void)happens_within(short_wait * times, [] { return false; });
}

void release(L2Elsewhere& there, std::uint32_t argument) {
    constexpr std::uint8_t go_on = 2;
    const bool is_smi = (argument & kind_mask) == smi;
    if ((argument & waits) != 0) {
        (void)happens_within(short_wait, [is_smi] { return is_smi && SmmHandler::count() != 0; });
    } else if (is_smi) {
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

struct Outcome {
    bool ready;
    bool exited;
    L2Elsewhere::Seen seen;
    bool behind_stgi;
    bool is_reset; ///< Asked for where INIT was sent.
    bool starts_anew;
};

Outcome send_to_l2(Arena& arena, std::uint32_t argument, std::uint64_t times) {
    const std::uint32_t kind = argument & kind_mask;
    const bool exits = (argument & no_exit) == 0;
    const bool redirected = (argument & redirects) != 0;
    const LocalApic apic;
    if (kind == smi) {
        // Each CPU has its SMBASE at the same place.
        SmmHandler::install((argument & ends_hlt) != 0 ? SmmHandler::Halted::goes_on
                                                       : SmmHandler::Halted::halts_again);
    }
    // Lives until the CPU does something else: it writes here while it can.
    const bool holds = (argument & held) != 0;
    L2Elsewhere there{arena, {redirected ? svm::vm_cr::r_init : 0, holds}};
    Outcome outcome{};
    outcome.ready = there.start(reinterpret_cast<std::uintptr_t>(&arena_copies[1].live.host_save));
    if ((argument & halts) != 0) {
        wait_a_moment(times);
    }
    if ((argument & with_nmi) != 0) {
        apic.send_nmi(second_cpu_id);
    }
    send(apic, kind);
    if ((argument & then_nmi) != 0) {
        wait_a_moment(times);
        apic.send_nmi(second_cpu_id);
    }
    if (holds) {
        outcome.ready = outcome.ready && there.still_holds(kind == init);
        there.run_held();
    }
    if ((argument & released) != 0) {
        release(there, argument);
    }
    // Where R_INIT cannot be set, INIT is none that is redirected.
    const bool is_redirected = redirected && there.seen().vm_cr_is_set;
    const bool resets = kind == init && !is_redirected;
    outcome.exited = kind == init ? there.wait_for_exit_by_init() : there.wait_for_exit(exits);
    outcome.is_reset = resets && there.is_reset();
    outcome.behind_stgi = there.wait_for_stgi(outcome.exited && !resets);
    if (is_redirected) {
        outcome.is_reset = there.is_reset();
    }
    outcome.seen = there.seen();
    outcome.starts_anew =
        start_cpu(
            second_cpu_id, second_cpu_id, [](void*) {}, nullptr) == CpuStart::started;
    return outcome;
}

/// Whether L2 exited before it came to its HLT: the saved RIP is that of HLT itself.
bool is_before_hlt(const Outcome& outcome, std::uint64_t begin) {
    constexpr std::uint8_t hlt = 0xf4;
    constexpr std::uint64_t longest_program = 16;
    const std::uint64_t rip = outcome.seen.rip;
    return outcome.exited && rip - begin < longest_program &&
           *reinterpret_cast<const std::uint8_t*>(static_cast<std::uintptr_t>(rip)) == hlt;
}

} // namespace

/// Argument: Sent, with `no_exit`, `halts`, `redirects`, `released`, `then_nmi`, `held`,
/// `with_nmi`, `ends_hlt` and `waits`. Sends it to the second CPU while L2 runs there, or before,
/// while GIF is clear; where L2 `halts` and had not yet, again, after a longer wait. Reports
/// whether L2 ran, or the CPU waited with GIF clear until it had been sent; whether it exited; exit
/// code and RIP; events that CPU took before its STGI, whether it got behind that, and the events
/// it had by then; whether it can be started anew; EXITINFO1; and where INIT is sent, whether it
/// had reset the CPU before that was started anew.
VMRUNIT_ROUTINE(send_to_l2_elsewhere) {
    svm::Vmcb& fresh = call.arena.spare_vmcb;
    fresh = call.arena.vmcb;
    const std::uint64_t begin = fresh.save.rip;
    constexpr std::uint64_t longest = moments << 3; // A second and a half.
    Outcome outcome{};
    for (std::uint64_t times = moments; times <= longest; times *= 2) {
        call.arena.vmcb = fresh;
        outcome = send_to_l2(call.arena, call.argument, times);
        if ((call.argument & halts) == 0 || !is_before_hlt(outcome, begin)) {
            break;
        }
    }
    fresh = {};
    call.report(outcome.ready);
    call.report(outcome.exited);
    call.report(outcome.seen.exit_code);
    call.report(outcome.seen.rip);
    call.report(outcome.seen.before_stgi);
    call.report(outcome.behind_stgi);
    call.report(outcome.seen.behind_stgi);
    call.report(outcome.starts_anew);
    call.report(outcome.seen.exit_info_1);
    if ((call.argument & kind_mask) == init) {
        call.report(outcome.is_reset);
    }
}

} // namespace vmrunit::guest
