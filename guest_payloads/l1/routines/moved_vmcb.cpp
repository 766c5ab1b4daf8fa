// SPDX-License-Identifier: GPL-2.0-only
// What a CPU keeps of a VMCB it keeps by the VMCB's address: at another one no clean bit holds.
// APM2 15.15.

#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

/// Pages that no VMRUN has had. One that has been a VMCB before the CPU may still know, and clean
/// bits that are set there then promise nothing: once all are used, none is set.
constexpr unsigned most_moves = 8;
alignas(page_size) constinit svm::Vmcb never_run[most_moves]{};
constinit unsigned moves = 0;

} // namespace

/// VMRUN of the VMCB; then of a copy at another page that has every clean bit set and CR2, DR6 and
/// V_TPR of its own. L2 does nothing. Reports the lower half of the exit code and these three.
VMRUNIT_ROUTINE(vmrun_moved_vmcb) {
    const bool is_new = moves < most_moves;
    svm::Vmcb& moved = never_run[moves++ % most_moves];
    moved = call.arena.vmcb;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    moved.control.clean_bits.value = is_new ? ~0u : 0;
    moved.control.virtual_interrupt.set(svm::VirtualInterrupt::v_tpr, 7);
    moved.save.cr2 = 0x1234'5678;
    moved.save.dr6 = 0xffff'0ff5;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&moved));
    call.report(static_cast<std::uint64_t>(moved.control.exit_code) & 0xffff'ffff);
    call.report(moved.save.cr2);
    call.report(moved.save.dr6);
    call.report(moved.control.virtual_interrupt.get(svm::VirtualInterrupt::v_tpr));
}

} // namespace vmrunit::guest
