// SPDX-License-Identifier: GPL-2.0-only
// Numbers in the VMCB against what only L1 knows: the width of physical addresses, CPUID
// Fn8000_0008 EAX[7:0], and the number of ASIDs, CPUID Fn8000_000A EBX. APM2 15.5.1.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/exit_code.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <cstddef>
#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint64_t refused = 0xffff'ffff; ///< The lower half of VMEXIT_INVALID.

constexpr std::uint64_t general_protection =
    static_cast<std::uint64_t>(svm::ExitCode::exception_gp) & refused;
constexpr std::uint32_t rax_offset = svm::field::rax.offset;

unsigned physical_bits() {
    return cpuid(0x8000'0008).eax & 0xff;
}

/// VMRUN of a copy of the VMCB whose word at `offset` is `value`; the lower half of its exit code.
std::uint64_t exit_code_with(RoutineCall& call, std::uint32_t offset, std::uint64_t value) {
    svm::Vmcb& vmcb = call.arena.spare_vmcb;
    std::memcpy(&vmcb, &call.arena.vmcb, sizeof vmcb);
    std::memcpy(reinterpret_cast<std::uint8_t*>(&vmcb) + offset, &value, sizeof value);
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    const auto code = static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff;
    std::memset(&vmcb, 0, sizeof vmcb);
    return code;
}

std::uint64_t field_of(const RoutineCall& call, std::uint32_t offset) {
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const std::uint8_t*>(&call.arena.vmcb) + offset,
                sizeof value);
    return value;
}

} // namespace

/// Argument: offset of the field, and in the upper half how many pages before the end of physical
/// memory it points. Reports the lower half of the exit code.
VMRUNIT_ROUTINE(vmrun_near_limit) {
    const std::uint64_t limit = std::uint64_t{1} << physical_bits();
    const std::uint64_t pages = call.argument >> 16;
    call.report(exit_code_with(call, call.argument & 0xffff, limit - pages * page_size));
}

/// Argument: offset of the field. Tries each bit from the width of physical addresses up to 51 by
/// itself; reports those with which VMRUN was not refused.
VMRUNIT_ROUTINE(vmrun_address_bits) {
    const std::uint64_t value = field_of(call, call.argument);
    std::uint64_t entered = 0;
    for (unsigned number = physical_bits(); number < 52; ++number) {
        const std::uint64_t one = std::uint64_t{1} << number;
        if (exit_code_with(call, call.argument, value | one) != refused) {
            entered |= one;
        }
    }
    call.report(entered);
}

/// Argument: which of L2's PDPTEs. The same with the bits of its address.
VMRUNIT_ROUTINE(vmrun_pdpte_address_bits) {
    constexpr unsigned directory_pointers = 4;
    std::uint64_t usual[directory_pointers];
    std::memcpy(usual, call.arena.pae_pdpt.entries, sizeof usual);
    const std::uint32_t cr3 = offsetof(svm::Vmcb, save) + offsetof(svm::SaveArea, cr3);
    std::uint64_t entered = 0;
    for (unsigned number = physical_bits(); number < 52; ++number) {
        const std::uint64_t one = std::uint64_t{1} << number;
        call.arena.pae_pdpt.entries[call.argument] = usual[call.argument] | one;
        if (exit_code_with(call, cr3, field_of(call, cr3)) != refused) {
            entered |= one;
        }
        // All of them: QEMU sets a bit that is reserved in the one that it uses.
        std::memcpy(call.arena.pae_pdpt.entries, usual, sizeof usual);
    }
    call.report(entered);
}

/// Argument: offset of the field. Sets the highest bit that a physical address has; reports whether
/// VMRUN was refused, and the lower half of the exit code.
VMRUNIT_ROUTINE(vmrun_highest_address_bit) {
    const std::uint64_t highest = std::uint64_t{1} << (physical_bits() - 1);
    const std::uint64_t code =
        exit_code_with(call, call.argument, field_of(call, call.argument) | highest);
    call.report(code == refused ? 1 : 0);
    call.report(code);
}

/// Reports the lower half of the exit code with the last ASID, and how many there are.
VMRUNIT_ROUTINE(vmrun_last_asid) {
    constexpr std::uint64_t rest = ~std::uint64_t{0xffff'ffff};
    const std::uint32_t asid =
        offsetof(svm::Vmcb, control) + offsetof(svm::ControlArea, guest_asid);
    const std::uint32_t count = cpuid(0x8000'000a).ebx;
    call.report(exit_code_with(call, asid, (field_of(call, asid) & rest) | (count - 1)));
    call.report(count);
}

/// L2's program executes an instruction whose address is RAX. Argument: how many bits below the
/// width of physical addresses the only bit of RAX is; 0 is the first address that there is not.
/// Reports the lower half of the exit code.
VMRUNIT_ROUTINE(vmrun_with_rax_near_limit) {
    call.report(
        exit_code_with(call, rax_offset, std::uint64_t{1} << (physical_bits() - call.argument)));
}

/// Each bit from the width of physical addresses up to 63 by itself. Reports those with which L2
/// did not come to an intercepted #GP.
VMRUNIT_ROUTINE(vmrun_with_rax_beyond) {
    std::uint64_t others = 0;
    for (unsigned number = physical_bits(); number < 64; ++number) {
        const std::uint64_t one = std::uint64_t{1} << number;
        if (exit_code_with(call, rax_offset, one) != general_protection) {
            others |= one;
        }
    }
    call.report(others);
}

} // namespace vmrunit::guest
