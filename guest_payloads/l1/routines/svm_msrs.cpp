// SPDX-License-Identifier: GPL-2.0-only
// The MSRs of SVM: VM_HSAVE_PA, VM_CR and IGNNE. Whatever a routine writes it takes back.
// APM2 15.30.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_mode.hpp"
#include "harness/svm/msr.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

/// 0, or the vector + 1 of the fault that the write took; the register holds `before` afterwards.
std::uint64_t fault_of_write(std::uint32_t msr, std::uint64_t value, std::uint64_t before) {
    const std::optional<Fault> fault = catch_fault([&] { write_msr(msr, value); });
    if (!fault) {
        write_msr(msr, before);
    }
    return vector_plus_1(fault);
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

/// Reports whether R_INIT reads as it was written, set and clear.
VMRUNIT_ROUTINE(vm_cr_r_init) {
    const std::uint64_t before = read_msr(svm::msr::vm_cr);
    for (const std::uint64_t bit : {svm::vm_cr::r_init, std::uint64_t{0}}) {
        const std::uint64_t value = (before & ~svm::vm_cr::r_init) | bit;
        std::uint64_t now = ~value;
        (void)catch_fault([&] {
            write_msr(svm::msr::vm_cr, value);
            now = read_msr(svm::msr::vm_cr);
        });
        call.report(now == value ? 1 : 0);
    }
    (void)catch_fault([=] { write_msr(svm::msr::vm_cr, before); });
}

/// While EFER.SVME is set: reports 0 or the vector + 1 of the fault that setting SVMDIS took, and
/// how VM_CR differs then.
VMRUNIT_ROUTINE(vm_cr_disable) {
    const std::uint64_t before = read_msr(svm::msr::vm_cr);
    const std::uint64_t disabled = before | svm::vm_cr::svm_disable;
    const auto fault = catch_fault([=] { write_msr(svm::msr::vm_cr, disabled); });
    const std::uint64_t after = read_msr(svm::msr::vm_cr);
    // A subject that has set it may not clear it either while EFER.SVME is set.
    {
        const WithoutSvme svm_is_off;
        (void)catch_fault([=] { write_msr(svm::msr::vm_cr, before); });
    }
    call.report(vector_plus_1(fault));
    call.report(after ^ before);
}

/// Reports whether IGNNE reads as it was written, clear and set; and its reserved bits that can be
/// written.
VMRUNIT_ROUTINE(ignne_bits) {
    const std::uint64_t before = read_msr(svm::msr::ignne);
    for (const std::uint64_t value : {0, 1}) {
        write_msr(svm::msr::ignne, value);
        call.report(read_msr(svm::msr::ignne) == value);
    }
    write_msr(svm::msr::ignne, before);
    std::uint64_t accepted = 0;
    for (unsigned number = 1; number < 64; ++number) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        accepted |= fault_of_write(svm::msr::ignne, before | bit, before) == 0 ? bit : 0;
    }
    call.report(accepted);
}

/// Argument: an MSR. Reports how a VMRUN changed it in L1.
VMRUNIT_ROUTINE(vmrun_keeps_msr) {
    const std::uint64_t before = read_msr(call.argument);
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    const std::uint64_t after = read_msr(call.argument);
    write_msr(call.argument, before);
    call.report(after ^ before);
}

/// Argument: an MSR. Reports the vector + 1 of the fault that reading it took, or 0, and the same
/// of VM_CR, which can be read.
VMRUNIT_ROUTINE(msr_read_faults) {
    for (const std::uint32_t msr : {call.argument, svm::msr::vm_cr}) {
        call.report(vector_plus_1(catch_fault([msr] { (void)read_msr(msr); })));
    }
}

/// Reports the revision of SVM that CPUID names.
VMRUNIT_ROUTINE(svm_revision) {
    call.report(cpuid_or_zero(0x8000'000a).eax & 0xff);
}

} // namespace vmrunit::guest
