// SPDX-License-Identifier: GPL-2.0-only
// Entering and leaving SVM operation on the executing CPU: EFER.SVME and VM_HSAVE_PA (APM vol. 2,
// 15.4 and 15.30.4), with the reason where the CPU refuses.
#pragma once

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"

#include <cstdint>

namespace vmrunit::guest {

inline constexpr std::uint64_t efer_svme = 1u << 12;
inline constexpr std::uint64_t vm_cr_svm_disable = 1u << 4;
inline constexpr std::uint32_t cpuid_svm = 1u << 2;      // Fn8000_0001_ECX
inline constexpr std::uint32_t cpuid_svm_lock = 1u << 2; // Fn8000_000A_EDX

enum class SvmObstacle : std::uint8_t {
    none,
    no_cpuid_bit,      // Fn8000_0001_ECX[SVM] is 0
    disabled,          // VM_CR.SVMDIS, set by firmware for good
    disabled_with_key, // VM_CR.SVMDIS, and SVM lock: a key may enable it
    efer_refused,      // CPUID and VM_CR promise SVM, setting EFER.SVME faults
    save_area_refused, // writing the address to VM_HSAVE_PA faults
};

// What CPUID and VM_CR say, in the order of the manual's own test.
[[nodiscard]] inline SvmObstacle svm_obstacle() {
    if (!(cpuid_or_zero(0x8000'0001).ecx & cpuid_svm))
        return SvmObstacle::no_cpuid_bit;
    std::uint64_t vm_cr = 0;
    // A hypervisor may offer SVM without this MSR; then nothing disables SVM.
    const auto fault = catch_fault([&vm_cr] { vm_cr = read_msr(Msr::vm_cr); });
    if (fault || !(vm_cr & vm_cr_svm_disable))
        return SvmObstacle::none;
    return cpuid_or_zero(0x8000'000a).edx & cpuid_svm_lock ? SvmObstacle::disabled_with_key
                                                           : SvmObstacle::disabled;
}

// SVM operation for the lifetime of the object, on the CPU that made it. GIF must be 1 when it
// ends.
class SvmMode {
public:
    explicit SvmMode(std::uint64_t host_save_area)
        : efer_before_{read_msr(Msr::efer)}, obstacle_{svm_obstacle()} {
        if (obstacle_ != SvmObstacle::none)
            return;
        if (catch_fault([this] { write_msr(Msr::efer, efer_before_ | efer_svme); })) {
            obstacle_ = SvmObstacle::efer_refused;
            return;
        }
        const auto fault = catch_fault([this, host_save_area] {
            host_save_area_before_ = read_msr(Msr::vm_hsave_pa);
            write_msr(Msr::vm_hsave_pa, host_save_area);
        });
        if (fault) {
            obstacle_ = SvmObstacle::save_area_refused;
            write_msr(Msr::efer, efer_before_);
        }
    }

    ~SvmMode() {
        if (!entered())
            return;
        write_msr(Msr::vm_hsave_pa, host_save_area_before_);
        write_msr(Msr::efer, efer_before_);
    }

    SvmMode(const SvmMode&) = delete;
    SvmMode& operator=(const SvmMode&) = delete;

    [[nodiscard]] bool entered() const { return obstacle_ == SvmObstacle::none; }
    [[nodiscard]] SvmObstacle obstacle() const { return obstacle_; }

private:
    std::uint64_t efer_before_;
    std::uint64_t host_save_area_before_ = 0;
    SvmObstacle obstacle_;
};

// EFER.SVME is clear for the lifetime of the object, and set again if the CPU then allows it.
class WithoutSvme {
public:
    WithoutSvme() : efer_{read_msr(Msr::efer)} { write_msr(Msr::efer, efer_ & ~efer_svme); }
    ~WithoutSvme() {
        (void)catch_fault([this] { write_msr(Msr::efer, efer_); });
    }
    WithoutSvme(const WithoutSvme&) = delete;
    WithoutSvme& operator=(const WithoutSvme&) = delete;

private:
    std::uint64_t efer_;
};

} // namespace vmrunit::guest
