// SPDX-License-Identifier: GPL-2.0-only
// The MSRs of SVM: VM_HSAVE_PA and VM_CR. Whatever a routine writes it takes back. APM2 15.30.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/msr.hpp"

namespace vmrunit::guest {
namespace {

/// 0, or the vector + 1 of the fault that the write took; the register holds `before` afterwards.
std::uint64_t fault_of_write(std::uint32_t msr, std::uint64_t value, std::uint64_t before) {
    const std::optional<Fault> fault = catch_fault([&] { write_msr(msr, value); });
    if (!fault) {
        write_msr(msr, before);
    }
    return fault ? static_cast<std::uint64_t>(fault->vector) + 1 : 0;
}

} // namespace

/// Argument: number of a bit of VM_HSAVE_PA. Reports 0 or the vector + 1 of the fault that writing
/// it took, and how the register differs then.
VMRUNIT_ROUTINE(hsave_write_bit) {
    const std::uint64_t before = read_msr(svm::msr::vm_hsave_pa);
    const std::uint64_t bit = std::uint64_t{1} << call.argument;
    call.report(fault_of_write(svm::msr::vm_hsave_pa, before ^ bit, before));
    call.report(read_msr(svm::msr::vm_hsave_pa) ^ before);
}

/// Reports the bits from the width of physical addresses up to 63 that can be written.
VMRUNIT_ROUTINE(hsave_write_beyond) {
    const std::uint64_t before = read_msr(svm::msr::vm_hsave_pa);
    std::uint64_t accepted = 0;
    for (unsigned number = cpuid(0x8000'0008).eax & 0xff; number < 64; ++number) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        accepted |= fault_of_write(svm::msr::vm_hsave_pa, before | bit, before) == 0 ? bit : 0;
    }
    call.report(accepted);
}

/// Reports how what is read differs from what was written: another page of this CPU's arena.
VMRUNIT_ROUTINE(hsave_read_back) {
    const std::uint64_t before = read_msr(svm::msr::vm_hsave_pa);
    const std::uint64_t other = call.arena_address + offsetof(Arena, spare_vmcb);
    write_msr(svm::msr::vm_hsave_pa, other);
    call.report(read_msr(svm::msr::vm_hsave_pa) ^ other);
    write_msr(svm::msr::vm_hsave_pa, before);
}

/// Reports the reserved bits of VM_CR that can be written.
VMRUNIT_ROUTINE(vm_cr_reserved) {
    const std::uint64_t before = read_msr(svm::msr::vm_cr);
    std::uint64_t accepted = 0;
    for (unsigned number = 5; number < 64; ++number) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        accepted |= fault_of_write(svm::msr::vm_cr, before | bit, before) == 0 ? bit : 0;
    }
    call.report(accepted);
}

/// While EFER.SVME is set: reports 0 or the vector + 1 of the fault that setting SVMDIS took, and
/// how VM_CR differs then.
VMRUNIT_ROUTINE(vm_cr_disable) {
    const std::uint64_t before = read_msr(svm::msr::vm_cr);
    call.report(fault_of_write(svm::msr::vm_cr, before | svm::vm_cr::svm_disable, before));
    call.report(read_msr(svm::msr::vm_cr) ^ before);
}

} // namespace vmrunit::guest
