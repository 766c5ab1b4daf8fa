// SPDX-License-Identifier: GPL-2.0-only
// Debug exceptions at a VMRUN: single-stepping and a breakpoint of L1's on it, a breakpoint on L2's
// first instruction, and what both are worth while GIF is clear. APM2 15.5.1, 15.17, 13.1.

#include "guest_payloads/l1/l1_state.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/cpu.hpp"

#include <intrin.h>
#include <optional>

extern "C" const std::uint8_t vmrunit_stepped_vmrun[];
extern "C" const std::uint8_t vmrunit_behind_stepped_vmrun[];
extern "C" const std::uint8_t vmrunit_stepped_nop[];

namespace vmrunit::guest {
namespace {

namespace dr7 = svm::dr7;
namespace rflags = svm::rflags;

constexpr std::uint64_t dr7_nothing = dr7::always_one;
constexpr std::uint64_t dr6_nothing = svm::dr6::reset;

/// VMRUN with these RFLAGS in L1. IRET, since POPF leaves RF alone. L2 must leave the general
/// registers as they are.
[[gnu::noinline, gnu::noclone]] void vmrun_with_rflags(std::uintptr_t vmcb, std::uintptr_t flags) {
#ifdef __x86_64__
    std::uintptr_t scratch = 0;
    asm volatile("mov %%rsp, %[scratch]\n\t"
                 "push $%c[data]\n\t"
                 "push %[scratch]\n\t"
                 "push %[flags]\n\t"
                 "push $%c[code]\n\t"
                 "push $vmrunit_stepped_vmrun\n\t"
                 "iretq\n\t"
                 ".globl vmrunit_stepped_vmrun, vmrunit_behind_stepped_vmrun\n"
                 "vmrunit_stepped_vmrun:\n\t"
                 ".byte 0x0f, 0x01, 0xd8\n"
                 "vmrunit_behind_stepped_vmrun:\n\t"
                 "nop"
                 : [scratch] "=&r"(scratch)
                 : "a"(vmcb), [flags] "r"(flags), [code] "i"(VMRUNIT_SELECTOR_CODE_64),
                   [data] "i"(VMRUNIT_SELECTOR_DATA)
                 : "memory", "cc");
#else
    asm volatile("push %[flags]\n\t"
                 "push $%c[code]\n\t"
                 "push $vmrunit_stepped_vmrun\n\t"
                 "iret\n\t"
                 ".globl vmrunit_stepped_vmrun, vmrunit_behind_stepped_vmrun\n"
                 "vmrunit_stepped_vmrun:\n\t"
                 ".byte 0x0f, 0x01, 0xd8\n"
                 "vmrunit_behind_stepped_vmrun:\n\t"
                 "nop"
                 :
                 : "a"(vmcb), [flags] "r"(flags), [code] "i"(VMRUNIT_SELECTOR_CODE_32)
                 : "memory", "cc");
#endif
}

/// A NOP, with TF set while it executes or not.
[[gnu::noinline, gnu::noclone]] void nop_with_rflags(std::uintptr_t flags) {
    asm volatile("push %0\n\t"
                 "popf\n\t"
                 ".globl vmrunit_stepped_nop\n"
                 "vmrunit_stepped_nop:\n\t"
                 "nop\n\t"
                 "push $2\n\t"
                 "popf"
                 :
                 : "r"(flags)
                 : "memory", "cc");
}

std::uint64_t rip_of(const std::optional<Fault>& fault, const std::uint8_t* from) {
    return fault ? fault->rip - reinterpret_cast<std::uintptr_t>(from) : 0;
}

void break_at(const std::uint8_t* address) {
    write_dr0(reinterpret_cast<std::uintptr_t>(address));
    write_dr6(dr6_nothing);
    write_dr7(dr7_nothing | dr7::l0);
}

void break_nowhere() {
    L1StateKeeper::disarm(dr7::l0);
    write_dr7(dr7_nothing);
    write_dr6(dr6_nothing);
    write_dr0(0);
}

constexpr std::uint64_t not_run = 0x5a5a'5a5a; ///< No exit code.

} // namespace

/// Argument: TF, RF or both, for L1 at the VMRUN. Reports 0 or the vector + 1 of the fault that L1
/// took; its RIP, from the byte behind VMRUN; RF in what it pushed; BS and B0 of DR6; and the lower
/// half of the exit code, which the #VMEXIT has stored by then.
VMRUNIT_ROUTINE(vmrun_single_step) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    vmcb.control.exit_code = static_cast<svm::ExitCode>(not_run);
    write_dr6(dr6_nothing);
    const std::uintptr_t flags = rflags::always_one | call.argument;
    const auto address = reinterpret_cast<std::uintptr_t>(&vmcb);
    const std::optional<Fault> fault = catch_fault([=] { vmrun_with_rflags(address, flags); });
    const std::uint64_t dr6 = read_dr6();
    call.report(vector_plus_1(fault));
    call.report(rip_of(fault, vmrunit_behind_stepped_vmrun));
    call.report(fault ? fault->rflags & rflags::rf : 0);
    call.report(fault ? dr6 & (svm::dr6::bs | svm::dr6::b0) : 0);
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
    write_dr6(dr6_nothing);
}

/// Argument: 0, or RF for L1 at the VMRUN, on which there is a breakpoint. Reports 0 or the vector
/// + 1 of the fault that L1 took; its RIP, from that of VMRUN; B0 of DR6; and the lower half of the
/// exit code, which is `not_run` still if VMRUN has not executed.
VMRUNIT_ROUTINE(vmrun_breakpoint) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    vmcb.control.exit_code = static_cast<svm::ExitCode>(not_run);
    const std::uintptr_t flags = rflags::always_one | call.argument;
    const auto address = reinterpret_cast<std::uintptr_t>(&vmcb);
    break_at(vmrunit_stepped_vmrun);
    const std::optional<Fault> fault = catch_fault([=] { vmrun_with_rflags(address, flags); });
    const std::uint64_t dr6 = read_dr6();
    break_nowhere();
    call.report(vector_plus_1(fault));
    call.report(rip_of(fault, vmrunit_stepped_vmrun));
    call.report(fault ? dr6 & svm::dr6::b0 : 0);
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
}

/// Argument: how far behind L2's first instruction there is a breakpoint, which L2's DR7 enables.
/// Reports the lower half of the exit code, and the saved RIP.
VMRUNIT_ROUTINE(vmrun_breakpoint_in_l2) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    write_dr0(vmcb.save.rip + call.argument);
    vmcb.save.dr7 = dr7_nothing | dr7::l0;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
    call.report(vmcb.save.rip);
    break_nowhere();
}

/// Argument: whether GIF is clear. Reports 0 or the vector + 1 of what comes of a breakpoint on an
/// instruction of L1's.
VMRUNIT_ROUTINE(breakpoint_and_gif) {
    if (call.argument != 0) {
        __svm_clgi();
    }
    break_at(vmrunit_stepped_nop);
    const std::optional<Fault> fault = catch_fault([] { nop_with_rflags(rflags::always_one); });
    break_nowhere();
    __svm_stgi();
    call.report(vector_plus_1(fault));
}

/// Argument: whether GIF is clear. Reports 0 or the vector + 1 of what comes of TF, its RIP from
/// the instruction executed, and BS of DR6.
VMRUNIT_ROUTINE(single_step_and_gif) {
    if (call.argument != 0) {
        __svm_clgi();
    }
    write_dr6(dr6_nothing);
    const std::optional<Fault> fault =
        catch_fault([] { nop_with_rflags(rflags::always_one | rflags::tf); });
    const std::uint64_t dr6 = read_dr6();
    write_dr6(dr6_nothing);
    __svm_stgi();
    call.report(vector_plus_1(fault));
    call.report(rip_of(fault, vmrunit_stepped_nop));
    call.report(dr6 & svm::dr6::bs);
}

} // namespace vmrunit::guest
