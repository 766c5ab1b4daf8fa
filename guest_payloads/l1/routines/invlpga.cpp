// SPDX-License-Identifier: GPL-2.0-only
// __svm_invlpga drops a translation of the address space that its ASID names; 0 is L1's own. APM2
// 15.16, 15.5.1.

#include "guest_payloads/l1/routines/page_split.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"

#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {

/// A linear address is read, mapped to another page, and read again behind INVLPGA. Reports both
/// values and 0, or the vector + 1 of the fault that INVLPGA took.
VMRUNIT_ROUTINE(invlpga_remaps) {
    svm::Vmcb& first = call.arena.spare_vmcb;
    Page& second = call.arena.io_permissions[2];
    std::memset(&first, 0x11, sizeof first);
    std::memset(&second, 0x22, sizeof second);
    const auto* const at = reinterpret_cast<const volatile std::uint64_t*>(&first);
    std::optional<Fault> fault;
    {
        PageSplit split{&first};
        call.report(*at);
        split.lead(&first, &second);
        fault = catch_fault([&first] { __svm_invlpga(&first, 0); });
        call.report(*at);
    }
    call.report(vector_plus_1(fault));
    std::memset(&first, 0, sizeof first);
    std::memset(&second, 0, sizeof second);
}

/// INVLPGA of another address space than L1's own. Argument: the address of a page, and the ASID in
/// the bits below it.
VMRUNIT_ROUTINE(invlpga_of_asid) {
    constexpr std::uint32_t asid_bits = 0xfff;
    const std::uintptr_t page = call.argument & ~asid_bits;
    __svm_invlpga(reinterpret_cast<void*>(page), static_cast<int>(call.argument & asid_bits));
}

/// Any address will do, mapped or not, in any address space: the argument is the ASID.
VMRUNIT_ROUTINE(invlpga_anywhere) {
    __svm_invlpga(nullptr, static_cast<int>(call.argument));
    // Nothing is mapped there in 64-bit mode; a 32-bit L1 has everything mapped.
    constexpr unsigned highest = sizeof(void*) == 8 ? 46 : 31;
    __svm_invlpga(reinterpret_cast<void*>(std::uintptr_t{1} << highest),
                  static_cast<int>(call.argument));
    __svm_invlpga(&call.arena, static_cast<int>(call.argument));
    call.report(1);
}

} // namespace vmrunit::guest
