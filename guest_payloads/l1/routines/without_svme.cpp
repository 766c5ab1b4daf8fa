// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions in L1 while EFER.SVME is clear: invalid opcodes, but for STGI and SKINIT on a
// CPU with the SKINIT feature or SVM lock. VMMCALL, which is for guests, is one with SVME, too.
// APM2 15.4; APM3 for each of them.

#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_mode.hpp"

#include <cstddef>
#include <cstdint>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

/// Runs the instruction with EFER.SVME clear. Reports 0, or the vector + 1 of its fault.
template<class Instruction>
void report_without_svme(RoutineCall& call, Instruction&& instruction) {
    const WithoutSvme svm_is_off;
    call.report(vector_plus_1(catch_fault(instruction)));
}

/// The hypercall of nobody: no hypervisor knows this number, if one is there after all.
void execute_vmmcall() {
    std::uintptr_t number = ~std::uintptr_t{0};
    asm volatile("vmmcall" : "+a"(number) : : "memory");
}

std::size_t vmcb_of(const RoutineCall& call) {
    return call.arena_address + offsetof(Arena, vmcb);
}

} // namespace

VMRUNIT_ROUTINE(vmrun_without_svme) {
    const std::size_t vmcb = vmcb_of(call);
    report_without_svme(call, [vmcb] { __svm_vmrun(vmcb); });
}

VMRUNIT_ROUTINE(vmload_without_svme) {
    const std::size_t vmcb = vmcb_of(call);
    report_without_svme(call, [vmcb] { __svm_vmload(vmcb); });
}

VMRUNIT_ROUTINE(vmsave_without_svme) {
    const std::size_t vmcb = vmcb_of(call);
    report_without_svme(call, [vmcb] { __svm_vmsave(vmcb); });
}

VMRUNIT_ROUTINE(clgi_without_svme) {
    report_without_svme(call, [] { __svm_clgi(); });
}

VMRUNIT_ROUTINE(stgi_without_svme) {
    report_without_svme(call, [] { __svm_stgi(); });
}

/// Only on a CPU with neither: on any other it would start what its operand, page 0, holds.
VMRUNIT_ROUTINE(skinit_without_svme) {
    report_without_svme(call, [] { __svm_skinit(0); });
}

VMRUNIT_ROUTINE(invlpga_without_svme) {
    report_without_svme(call, [] { __svm_invlpga(nullptr, 0); });
}

VMRUNIT_ROUTINE(vmmcall_without_svme) {
    report_without_svme(call, [] { execute_vmmcall(); });
}

VMRUNIT_ROUTINE(vmmcall_with_svme) {
    call.report(vector_plus_1(catch_fault([] { execute_vmmcall(); })));
}

} // namespace vmrunit::guest
