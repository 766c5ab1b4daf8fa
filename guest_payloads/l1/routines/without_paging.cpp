// SPDX-License-Identifier: GPL-2.0-only
// VMRUN while CR0.PG of L1 is clear: allowed, but not with nested paging. A 64-bit L1 leaves long
// mode for it. APM2 15.5.1, 15.25.3.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

namespace vmrunit::guest {

/// As without_paging.S has it.
struct UnpagedState {
    std::uint32_t cr0, cr3, cr4;
    std::uint32_t cr0_before;
};
extern "C" std::uint32_t vmrunit_vmrun_without_paging(std::uint32_t vmcb, UnpagedState* behind);

/// Reports 0 or the vector + 1 of VMRUN's fault, the lower half of the exit code, and by which bits
/// CR0, CR3 and CR4 of L1 are different behind it.
VMRUNIT_ROUTINE(vmrun_without_paging) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&vmcb));
    UnpagedState behind{};
    const std::uint64_t cr3 = read_cr3();
    const std::uint64_t cr4 = read_cr4();
    call.report(vmrunit_vmrun_without_paging(address, &behind));
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
    call.report(behind.cr0 ^ behind.cr0_before);
    call.report(behind.cr3 ^ cr3);
    call.report(behind.cr4 ^ cr4);
}

} // namespace vmrunit::guest
