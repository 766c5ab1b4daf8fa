// SPDX-License-Identifier: GPL-2.0-only
// L1 with tables of five levels for the time of one VMRUN. CR4.LA57 cannot change in long mode, so
// the way there and back leads through 32-bit code without paging. APM2 5.3.3, 15.25.3.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <intrin.h>

namespace vmrunit::guest {

/// five_levels.S
extern "C" void vmrunit_change_tables(std::uint64_t cr3, std::uint64_t cr4);

/// Reports whether L1 had five levels then, the exit code, and L2's RIP.
VMRUNIT_ROUTINE(vmrun_with_five_levels) {
    const std::uint64_t cr3 = read_cr3();
    const std::uint64_t cr4 = read_cr4();
    auto& root = reinterpret_cast<PageTable&>(call.arena.spare_vmcb);
    root = {};
    root.entries[0] = cr3 | world::present | world::writable | world::accessed;
    vmrunit_change_tables(reinterpret_cast<std::uintptr_t>(&root), cr4 | svm::cr4::la57);
    const bool has_five = (read_cr4() & svm::cr4::la57) != 0;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    vmrunit_change_tables(cr3, cr4);
    call.report(has_five ? 1 : 0);
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code));
    call.report(call.arena.vmcb.save.rip);
    root = {};
}

} // namespace vmrunit::guest
