// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions in L1 while EFER.SVME is clear: invalid opcodes, but for STGI and SKINIT on a
// CPU with the SKINIT feature. APM2 15.4; APM3 for each of them.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"

#include <cstddef>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t svme = 1u << 12;

/// Runs the instruction with EFER.SVME clear. Reports 0, or the vector + 1 of its fault.
template<class Instruction>
void report_without_svme(RoutineCall& call, Instruction&& instruction) {
    const std::uint64_t efer = read_msr(Msr::efer);
    write_msr(Msr::efer, efer & ~svme);
    const std::optional<Fault> fault = catch_fault(instruction);
    write_msr(Msr::efer, efer);
    call.report(fault ? static_cast<std::uint64_t>(fault->vector) + 1 : 0);
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

VMRUNIT_ROUTINE(invlpga_without_svme) {
    report_without_svme(call, [] { __svm_invlpga(nullptr, 0); });
}

} // namespace vmrunit::guest
