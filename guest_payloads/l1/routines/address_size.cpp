// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions with the address-size prefix: 64-bit code then gives the address in EAX, and
// what stands above it in RAX does not matter. APM2 15.5.1; APM3 1.2.3.

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t above_eax = 0x5a5a'5a5a'0000'0000; ///< No physical address, nor canonical.

std::uint64_t disguised(const svm::Vmcb& vmcb) {
    return reinterpret_cast<std::uintptr_t>(&vmcb) | above_eax;
}

} // namespace

/// Argument: whether there is a prefix. L2 must leave the general registers as they are. Reports 0
/// or the vector + 1 of VMRUN's fault, and the lower half of the exit code.
VMRUNIT_ROUTINE(vmrun_address_size) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    const std::uint64_t address = disguised(vmcb);
    const bool prefix = call.argument != 0;
    const std::optional<Fault> fault = catch_fault([=] {
        std::uint64_t rax = address;
        if (prefix) {
            asm volatile(".byte 0x67, 0x0f, 0x01, 0xd8" : "+a"(rax) : : "memory", "cc");
        } else {
            asm volatile(".byte 0x0f, 0x01, 0xd8" : "+a"(rax) : : "memory", "cc");
        }
    });
    call.report(vector_plus_1(fault));
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
}

/// Argument as above. VMLOAD of a VMCB whose KernelGSBase is L1's own but for one bit, VMSAVE into
/// a page of zeros. Reports 0 or the vector + 1 of VMLOAD's fault and how KernelGSBase changed;
/// the same of VMSAVE and what it stored there, as it differs from L1's.
VMRUNIT_ROUTINE(vmload_address_size) {
    const bool prefix = call.argument != 0;
    svm::Vmcb& vmcb = call.arena.spare_vmcb;
    std::memcpy(&vmcb, &call.arena.l1_state, sizeof vmcb);
    const std::uint64_t before = read_msr(Msr::kernel_gs_base);
    vmcb.save.kernel_gs_base = before ^ 0x1000;
    const std::uint64_t address = disguised(vmcb);
    const std::optional<Fault> of_vmload = catch_fault([=] {
        if (prefix) {
            asm volatile(".byte 0x67, 0x0f, 0x01, 0xda" : : "a"(address) : "memory");
        } else {
            asm volatile(".byte 0x0f, 0x01, 0xda" : : "a"(address) : "memory");
        }
    });
    call.report(vector_plus_1(of_vmload));
    call.report(read_msr(Msr::kernel_gs_base) ^ before);
    std::memset(&vmcb, 0, sizeof vmcb);
    write_msr(Msr::kernel_gs_base, 0x2000);
    const std::optional<Fault> of_vmsave = catch_fault([=] {
        if (prefix) {
            asm volatile(".byte 0x67, 0x0f, 0x01, 0xdb" : : "a"(address) : "memory");
        } else {
            asm volatile(".byte 0x0f, 0x01, 0xdb" : : "a"(address) : "memory");
        }
    });
    call.report(vector_plus_1(of_vmsave));
    call.report(vmcb.save.kernel_gs_base);
    std::memset(&vmcb, 0, sizeof vmcb);
}

} // namespace vmrunit::guest
