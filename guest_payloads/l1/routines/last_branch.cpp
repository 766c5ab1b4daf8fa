// SPDX-License-Identifier: GPL-2.0-only
// Last branches of L2 beside those of L1: one set of MSRs without LBR virtualization, two with it.
// APM2 15.23.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/msr.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

struct LastBranch {
    std::uint64_t from;
    std::uint64_t to;
};

LastBranch read_last_branch() {
    return {read_msr(svm::msr::br_from), read_msr(svm::msr::br_to)};
}

/// Records one branch of L1's own, and says which.
LastBranch record_own_branch() {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    std::uint32_t low = svm::debug_ctl::lbr;
    asm volatile("mov $1f, %[from]\n\t"
                 "mov $2f, %[to]\n\t"
                 "wrmsr\n"
                 "1:\tjmp 2f\n\t"
                 "ud2\n"
                 "2:\txor %%eax, %%eax\n\t"
                 "wrmsr"
                 : [from] "=&r"(from), [to] "=&r"(to), "+a"(low)
                 : "c"(svm::msr::debug_ctl), "d"(0)
                 : "memory", "cc");
    return {from, to};
}

} // namespace

/// L1 records a branch of its own, then L2 one of its own: see the program record_branch. Reports
/// how what L1 reads of its branch differs from it; DBGCTL, the last branch and how it differs
/// from L1's after the #VMEXIT; and the three of the VMCB.
VMRUNIT_ROUTINE(last_branch_around_l2) {
    const LastBranch own = record_own_branch();
    const LastBranch before = read_last_branch();
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    const std::uint64_t control = read_msr(svm::msr::debug_ctl);
    write_msr(svm::msr::debug_ctl, 0);
    const LastBranch after = read_last_branch();
    const svm::SaveArea& save = call.arena.vmcb.save;
    for (const std::uint64_t value :
         {before.from ^ own.from, before.to ^ own.to, control, after.from, after.to,
          after.from ^ own.from, after.to ^ own.to, save.dbgctl, save.br_from, save.br_to}) {
        call.report(value);
    }
}

} // namespace vmrunit::guest
