// SPDX-License-Identifier: GPL-2.0-only
// The task priority register in the page of the local APIC, which V_INTR_MASKING does not
// virtualize: that is about CR8. APM2 15.21.2, 16.6.4.

#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"

#include <intrin.h>

namespace vmrunit::guest {

/// Argument: what L1 writes to the register before the VMRUN; L2 writes 20h to memory at RAX.
/// Reports the lower half of the exit code, V_TPR, and what the register holds then.
VMRUNIT_ROUTINE(vmrun_writes_apic_tpr) {
    svm::Vmcb& vmcb = call.arena.vmcb;
    const ApicMode mode = LocalApic{}.mode();
    (void)set_apic_mode(ApicMode::xapic);
    const LocalApic apic;
    apic.write(ApicRegister::task_priority, call.argument);
    __svm_vmrun(reinterpret_cast<std::uintptr_t>(&vmcb));
    call.report(static_cast<std::uint64_t>(vmcb.control.exit_code) & 0xffff'ffff);
    call.report(vmcb.control.virtual_interrupt.get(svm::VirtualInterrupt::v_tpr));
    call.report(apic.read(ApicRegister::task_priority));
    apic.write(ApicRegister::task_priority, 0);
    (void)set_apic_mode(mode);
}

} // namespace vmrunit::guest
