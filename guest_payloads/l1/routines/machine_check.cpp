// SPDX-License-Identifier: GPL-2.0-only
// A machine check that the host raises while GIF is clear. APM2 15.17, 9.3.

#include "harness/svm/machine_check.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/wire/host_service.hpp"

#include <intrin.h>

namespace vmrunit::guest {
namespace {

namespace mc = svm::machine_check;

/// The host acts by itself: at once, or when it gets to it. Its deadline is the case's.
void await_error() {
    while ((read_msr(mc::msr_status_0) & mc::status_valid) == 0) {
        asm volatile("pause");
    }
}

void clear_registers() {
    write_msr(mc::msr_global_status, 0);
    write_msr(mc::msr_status_0, 0);
}

std::uint64_t is_machine_check(const std::optional<Fault>& fault) {
    return fault && fault->vector == Vector::machine_check ? 1 : 0;
}

/// Long enough for an exception that is pending to be taken.
void some_instructions() {
    for (unsigned i = 0; i < 100; ++i) {
        asm volatile("pause");
    }
}

} // namespace

/// Reports whether #MC came while GIF was clear, and whether it came behind STGI.
VMRUNIT_ROUTINE(machine_check_without_gif) {
    const std::uint64_t cr4 = read_cr4();
    write_cr4(cr4 | svm::cr4::mce);
    clear_registers();
    __svm_clgi();
    const std::optional<Fault> held = catch_fault([] {
        write_port_8(wire::service_port,
                     static_cast<std::uint8_t>(wire::HostService::machine_check));
        await_error();
        some_instructions();
    });
    const std::optional<Fault> admitted = catch_fault([] {
        __svm_stgi();
        some_instructions();
    });
    call.report(is_machine_check(held));
    call.report(is_machine_check(admitted));
    clear_registers();
    write_cr4(cr4);
}

} // namespace vmrunit::guest
