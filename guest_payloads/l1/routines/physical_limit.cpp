// SPDX-License-Identifier: GPL-2.0-only
// Addresses in the VMCB against the width of physical addresses, which only L1 knows: CPUID
// Fn8000_0008 EAX[7:0]. APM2 15.5.1.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/exit_code.hpp"
#include "harness/svm/vmcb_fields.hpp"

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
    const auto* at = reinterpret_cast<const std::uint8_t*>(&call.arena.vmcb) + call.argument;
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    std::uint64_t entered = 0;
    for (unsigned number = physical_bits(); number < 52; ++number) {
        const std::uint64_t one = std::uint64_t{1} << number;
        if (exit_code_with(call, call.argument, value | one) != refused) {
            entered |= one;
        }
    }
    call.report(entered);
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
