// SPDX-License-Identifier: GPL-2.0-only
// What a VMCB intercepts ends with the #VMEXIT: L1 meets none of it. APM2 15.6.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t dr7_nothing = 0x400;

/// Instructions and events of most kinds of intercept.
void meet_intercepts() {
    (void)cpuid(0);
    (void)read_tsc();
    write_cr0(read_cr0());
    write_cr3(read_cr3());
    write_cr4(read_cr4());
    write_dr7(dr7_nothing);
    (void)read_dr7();
    write_rflags(read_rflags());
    write_msr(Msr::kernel_gs_base, read_msr(Msr::kernel_gs_base));
    write_idtr(read_idtr());
    write_gdtr(read_gdtr());
    (void)read_tr();
    (void)read_ldtr();
    (void)read_port_8(0x80);
    pause();
    invalidate_page(nullptr);
    asm volatile("int $0x40" : : : "memory"); // And IRET of its handler.
    __svm_stgi();
    __svm_clgi();
    (void)catch_fault([] { asm volatile("ud2"); });
}

} // namespace

/// Reports the lower half of the exit code; how often L1 came out of the VMRUN; what is different
/// in the VMCB's control area once L1 has executed what that intercepts, as the number of bytes;
/// and how many of the interrupts that INT makes of itself arrived.
VMRUNIT_ROUTINE(intercepts_in_l1) {
    static volatile std::uint64_t passes; // Not in a register: an exit would bring back old ones.
    static svm::Vmcb seen;
    passes = 0;
    const std::uint64_t interrupts = current_cpu().events.interrupts;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    passes = passes + 1;
    std::uint64_t changed = 0;
    if (passes == 1) {
        seen = call.arena.vmcb;
        meet_intercepts();
        const auto* const before = reinterpret_cast<const std::uint8_t*>(&seen.control);
        const auto* const after = reinterpret_cast<const std::uint8_t*>(&call.arena.vmcb.control);
        for (std::size_t i = 0; i < sizeof seen.control; ++i) {
            changed += before[i] != after[i] ? 1 : 0;
        }
    }
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code) & 0xffff'ffff);
    call.report(passes);
    call.report(changed);
    call.report(current_cpu().events.interrupts - interrupts);
}

} // namespace vmrunit::guest
