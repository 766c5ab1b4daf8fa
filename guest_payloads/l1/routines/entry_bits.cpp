// SPDX-License-Identifier: GPL-2.0-only
// Entries of page tables with address bits that no physical address of this CPU has, which only L1
// knows: CPUID Fn8000_0008 EAX[7:0]. They are reserved. APM2 5.3.3, 15.25.5.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr unsigned end_of_address = 52;
constexpr unsigned count_at = 24;

/// VMRUN of a copy of the arena's VMCB, with a TLB that holds nothing.
svm::Vmcb& run_copy(RoutineCall& call) {
    // QEMU sets A in PDPTEs of PAE, where KVM on it finds it reserved at the second VMRUN.
    constexpr std::uint64_t accessed = 0x20;
    for (unsigned gigabyte = 0; gigabyte < 4; ++gigabyte) {
        call.arena.pae_pdpt.entries[gigabyte] &= ~accessed;
    }
    auto* const copy = reinterpret_cast<svm::Vmcb*>(&call.arena.io_permissions[2]);
    std::memcpy(copy, &call.arena.vmcb, sizeof *copy);
    copy->control.tlb_control = svm::TlbControl::flush_all;
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(copy));
    return *copy;
}

} // namespace

/// Argument: byte offset in the arena of an entry of eight bytes, and from bit 24 on how many there
/// are. Reports the lower half of the exit code with the entries as they are; then of the bits from
/// the width of physical addresses up to 51 those with which the exit code is not what the VMCB
/// holds before, and those with which EXITINFO1 or EXITINFO2 is not.
VMRUNIT_ROUTINE(vmrun_with_entry_bits) {
    constexpr std::uint32_t offset_mask = (1u << count_at) - 1;
    const std::uint32_t count = call.argument >> count_at;
    auto* const entries = reinterpret_cast<volatile std::uint64_t*>(
        reinterpret_cast<std::uint8_t*>(&call.arena) + (call.argument & offset_mask));
    const auto flip = [=](std::uint64_t bit) {
        for (std::uint32_t i = 0; i < count; ++i) {
            entries[i] = entries[i] ^ bit;
        }
    };
    const svm::ControlArea& expected = call.arena.vmcb.control;
    call.report(static_cast<std::uint64_t>(run_copy(call).control.exit_code) & 0xffff'ffff);
    std::uint64_t other_code = 0;
    std::uint64_t other_information = 0;
    for (unsigned number = cpuid(0x8000'0008).eax & 0xff; number < end_of_address; ++number) {
        const std::uint64_t bit = std::uint64_t{1} << number;
        flip(bit);
        const svm::ControlArea& behind = run_copy(call).control;
        flip(bit);
        if (behind.exit_code != expected.exit_code) {
            other_code |= bit;
        }
        if (behind.exit_info_1 != expected.exit_info_1 ||
            behind.exit_info_2 != expected.exit_info_2) {
            other_information |= bit;
        }
    }
    call.report(other_code);
    call.report(other_information);
    std::memset(&call.arena.io_permissions[2], 0, sizeof(Page));
}

} // namespace vmrunit::guest
