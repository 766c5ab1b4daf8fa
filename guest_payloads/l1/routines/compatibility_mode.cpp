// SPDX-License-Identifier: GPL-2.0-only
// VMRUN by 32-bit code of a 64-bit L1: EAX has the address, and #VMEXIT brings the code segment
// back as it was. APM2 15.5.1, 15.6.

#include "harness/guest/cpu.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/cpu.hpp"

/// compatibility_mode.S
extern "C" std::uint32_t vmrunit_vmrun_in_compatibility_mode(std::uint32_t vmcb, std::uint16_t* cs);

namespace vmrunit::guest {

/// Reports the lower half of the exit code; by how much EAX is less than the address of the VMCB
/// behind an instruction that is a decrement in 32-bit code; by which bits CS there is different
/// from the selector of such code; and by which ones LMA and PG are afterwards.
VMRUNIT_ROUTINE(vmrun_in_compatibility_mode) {
    const auto vmcb =
        static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
    const auto mode = [] {
        return (read_cr0() & svm::cr0::pg) | (read_msr(Msr::efer) & svm::efer::lma);
    };
    const std::uint64_t before = mode();
    std::uint16_t cs = 0;
    const std::uint32_t eax = vmrunit_vmrun_in_compatibility_mode(vmcb, &cs);
    call.report(static_cast<std::uint64_t>(call.arena.vmcb.control.exit_code) & 0xffff'ffff);
    call.report(vmcb - eax);
    call.report(static_cast<std::uint64_t>(cs ^ VMRUNIT_SELECTOR_CODE_32));
    call.report(mode() ^ before);
}

} // namespace vmrunit::guest
