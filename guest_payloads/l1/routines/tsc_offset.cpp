// SPDX-License-Identifier: GPL-2.0-only
// L2's time stamps: L1's own plus TSC_OFFSET, and only L2's. APM2 15.30.5.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {

/// The VMCB's program reads the time stamp into EDX:EAX and stores EDX in L2's data. Reports
/// whether that lies between L1's own readings before and after, TSC_OFFSET added to them; and
/// whether L1's two are in order.
VMRUNIT_ROUTINE(vmrun_reads_tsc) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    const std::uint64_t before = read_tsc();
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    const std::uint64_t after = read_tsc();
    const std::uint64_t high = *reinterpret_cast<const volatile std::uint32_t*>(call.arena.l2.data);
    const std::uint64_t seen = high << 32 | (vmcb.save.rax & 0xffff'ffff);
    // Differences, so that it does not matter where the sum wraps.
    const std::uint64_t since = seen - vmcb.control.tsc_offset - before;
    call.report(since <= after - before ? 1 : 0);
    call.report(after - before < std::uint64_t{1} << 62 ? 1 : 0);
}

} // namespace vmrunit::guest
