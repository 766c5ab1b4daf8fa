// SPDX-License-Identifier: GPL-2.0-only
// A second NMI while L2 is in its handler of the first: IRET lets it in. APM2 8.2.3, 15.9.

#include "guest_payloads/l1/routines/own_event.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint32_t intercepts_iret = 1;
constexpr std::uint32_t intercepts_nmi = 2;

void report_exit(RoutineCall& call, std::uint64_t first_frame) {
    const svm::Vmcb& vmcb = call.arena.vmcb;
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code));
    call.report(vmcb.save.rip);
    call.report(vmcb.save.rsp - first_frame);
}

} // namespace

/// L2's program is an IRET, before which it takes an NMI and exits from the handler. Then the next
/// NMI is sent, and L2 goes on with that IRET, by the frame that the first one left. Argument: 1 to
/// have IRET intercepted once before it goes on, 2 to have the second NMI intercepted. Reports exit
/// code and saved RIP of each VMRUN, and behind the first one how RSP differs from what that has
/// left; and how many NMIs L1 got.
VMRUNIT_ROUTINE(vmrun_second_nmi) {
    LocalApic{}.reset();
    const OwnEvent nmi{OwnEvent::nmi};
    svm::Vmcb& vmcb = call.arena.vmcb;
    const auto run = [&vmcb] { __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb)); };
    const std::uint64_t iret = vmcb.save.rip;
    disable_interrupts();
    __svm_clgi();
    nmi.send();
    run();
    const std::uint64_t first_frame = vmcb.save.rsp;
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code));
    call.report(vmcb.save.rip);
    nmi.send(); // GIF is clear since the #VMEXIT.
    vmcb.save.rip = iret;
    if ((call.argument & intercepts_iret) != 0) {
        vmcb.control.intercepts.set(svm::Intercept::iret);
        run();
        report_exit(call, first_frame);
        vmcb.control.intercepts.clear(svm::Intercept::iret);
    }
    if ((call.argument & intercepts_nmi) != 0) {
        vmcb.control.intercepts.set(svm::Intercept::nmi);
    }
    run();
    report_exit(call, first_frame);
    __svm_stgi();
    admit_nmis(); // L2 leaves its NMI handler without IRET.
    call.report(nmi.count());
}

} // namespace vmrunit::guest
