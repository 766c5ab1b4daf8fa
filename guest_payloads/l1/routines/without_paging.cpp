// SPDX-License-Identifier: GPL-2.0-only
// VMRUN while CR0.PG of L1 is clear: allowed, but not with nested paging. APM2 15.5.1, 15.25.3.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

/// without_paging.S
extern "C" std::uint32_t vmrunit_vmrun_without_paging(std::uint32_t vmcb);

namespace vmrunit::guest {

/// Reports 0 or the vector + 1 of VMRUN's fault, and the lower half of the exit code.
VMRUNIT_ROUTINE(vmrun_without_paging) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&vmcb));
    call.report(vmrunit_vmrun_without_paging(address));
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
}

} // namespace vmrunit::guest
