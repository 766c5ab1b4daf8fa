// SPDX-License-Identifier: GPL-2.0-only
// Disabling SVM, and locking that: VM_CR.SVMDIS, VM_CR.LOCK and the key that unlocks. LOCK stays
// until the CPU is reset, but SVMDIS is clear then, so that other cases can still run.
// APM2 15.30.1, 15.31.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_mode.hpp"
#include "harness/svm/msr.hpp"

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t lock = svm::vm_cr::lock;
constexpr std::uint64_t svm_disable = svm::vm_cr::svm_disable;
constexpr std::uint32_t efer = static_cast<std::uint32_t>(Msr::efer);

/// 0, or the vector + 1 of the fault that the write took.
std::uint64_t fault_of_wrmsr(std::uint32_t msr, std::uint64_t value) {
    const std::optional<Fault> fault = catch_fault([=] { write_msr(msr, value); });
    return vector_plus_1(fault);
}

/// The bits of the register, or all ones if it cannot be read.
std::uint64_t bits_of_msr(std::uint32_t msr, std::uint64_t bits) {
    std::uint64_t value = ~std::uint64_t{0};
    (void)catch_fault([&] { value = read_msr(msr) & bits; });
    return value;
}

} // namespace

/// With SVMDIS set: reports the fault of setting it and SVMDIS; the fault of setting EFER.SVME and
/// that bit; then, with SVMDIS clear again, the fault of clearing it and SVMDIS, the fault of
/// setting EFER.SVME and that bit.
VMRUNIT_ROUTINE(svme_while_disabled) {
    const WithoutSvme svm_is_off;
    const std::uint64_t efer_before = read_msr(Msr::efer);
    for (const std::uint64_t disabled : {svm_disable, std::uint64_t{0}}) {
        call.report(fault_of_wrmsr(svm::msr::vm_cr, disabled));
        call.report(bits_of_msr(svm::msr::vm_cr, svm_disable));
        call.report(fault_of_wrmsr(efer, efer_before | efer_svme));
        call.report(bits_of_msr(efer, efer_svme));
        write_msr(Msr::efer, efer_before);
    }
}

/// Reports the fault of setting LOCK, and LOCK with SVMDIS then; the fault of a write that would
/// clear LOCK and set SVMDIS, and both then.
VMRUNIT_ROUTINE(vm_cr_lock) {
    const WithoutSvme svm_is_off;
    call.report(fault_of_wrmsr(svm::msr::vm_cr, lock));
    call.report(bits_of_msr(svm::msr::vm_cr, lock | svm_disable));
    call.report(fault_of_wrmsr(svm::msr::vm_cr, svm_disable));
    call.report(bits_of_msr(svm::msr::vm_cr, lock | svm_disable));
    // On a CPU that takes it all the same.
    (void)fault_of_wrmsr(svm::msr::vm_cr, 0);
}

/// Reports LOCK before; the fault of writing a key, and what the key then reads as; LOCK once it is
/// set; the fault of writing another key, and LOCK then; the fault of writing the key, and LOCK
/// then.
VMRUNIT_ROUTINE(svm_key_unlocks) {
    constexpr std::uint64_t key = 0x0123'4567'89ab'cdef;
    const WithoutSvme svm_is_off;
    call.report(bits_of_msr(svm::msr::vm_cr, lock));
    const std::uint64_t fault = fault_of_wrmsr(svm::msr::svm_key, key);
    call.report(fault);
    call.report(bits_of_msr(svm::msr::svm_key, ~std::uint64_t{0}));
    if (fault == 0) { // Else nothing would take it away again.
        (void)fault_of_wrmsr(svm::msr::vm_cr, lock);
    }
    call.report(bits_of_msr(svm::msr::vm_cr, lock));
    for (const std::uint64_t tried : {key ^ 1, key}) {
        call.report(fault_of_wrmsr(svm::msr::svm_key, tried));
        call.report(bits_of_msr(svm::msr::vm_cr, lock));
    }
}

/// With EFER.SVME clear. Reports how many of VM_CR, IGNNE and VM_HSAVE_PA cannot be read, and how
/// many cannot be written with what they hold.
VMRUNIT_ROUTINE(svm_msrs_without_svme) {
    const WithoutSvme svm_is_off;
    std::uint64_t unreadable = 0;
    std::uint64_t unwritable = 0;
    for (const std::uint32_t msr : {svm::msr::vm_cr, svm::msr::ignne, svm::msr::vm_hsave_pa}) {
        std::uint64_t value = 0;
        if (catch_fault([&] { value = read_msr(msr); })) {
            ++unreadable;
        } else if (fault_of_wrmsr(msr, value) != 0) {
            ++unwritable;
        }
    }
    call.report(unreadable);
    call.report(unwritable);
}

} // namespace vmrunit::guest
