// SPDX-License-Identifier: GPL-2.0-only
// L2's breakpoints end with it: #VMEXIT disables all breakpoints in DR7. APM2 15.6.

#include "guest_payloads/l1/l1_state.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/cpu.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

[[gnu::noinline]] void watched() {
    asm volatile("nop");
}

} // namespace

/// Argument: L2's DR7, which the VMCB brings and L2's program writes once more from RAX. Breakpoint
/// 0 is at an instruction of L1's. Reports DR7's enable bits after the #VMEXIT; 0, or the vector +
/// 1 of what happens when L1 executes that instruction.
VMRUNIT_ROUTINE(l2_breakpoint_in_l1) {
    write_dr0(reinterpret_cast<std::uintptr_t>(&watched));
    call.arena.vmcb.save.dr7 = call.argument;
    call.arena.vmcb.save.rax = call.argument;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    call.report(read_dr7() & svm::dr7::breakpoint_enables);
    const auto fault = catch_fault([] { watched(); });
    call.report(vector_plus_1(fault));
    L1StateKeeper::disarm(call.argument);
    write_dr0(0);
}

} // namespace vmrunit::guest
