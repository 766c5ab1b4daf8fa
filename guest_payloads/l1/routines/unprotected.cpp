// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions in an L1 that has left protected mode, which is the only one that has them. No
// VMCB lies where they look for one, so a subject that executes them faults in another way.
// APM2 15.4; APM3 for each instruction.

#include "guest_payloads/l1/routines/user_page.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/routine.hpp"

#include <cstdint>

namespace vmrunit::guest {
namespace {

extern "C" std::uint32_t vmrunit_in_real_mode(std::uint32_t instruction, std::uint32_t eax,
                                              std::uint32_t* ip);
#ifndef __x86_64__
extern "C" std::uint32_t vmrunit_in_virtual_8086_mode(std::uint32_t instruction, std::uint32_t eax,
                                                      std::uint32_t* ip);
#endif

/// As unprotected.inc lays them out.
constexpr std::uint32_t distance = 16;
constexpr std::uint32_t no_page = 0x1001;

void report(RoutineCall& call, std::uint32_t fault, std::uint32_t ip) {
    call.report(fault);
    call.report(ip % distance);
}

} // namespace

/// Argument: the third byte of the instruction. Reports the vector + 1 of the fault that it takes
/// in real mode, or that of the INT3 behind it, and its IP from the instruction.
VMRUNIT_ROUTINE(in_real_mode) {
    std::uint32_t ip = 0;
    const std::uint32_t fault = vmrunit_in_real_mode(call.argument, no_page, &ip);
    report(call, fault, ip);
}

#ifndef __x86_64__
/// The same in virtual-8086 mode.
VMRUNIT_ROUTINE(in_virtual_8086_mode) {
    const UserPage low{reinterpret_cast<const void*>(VMRUNIT_LOW_TEXT_BEGIN)};
    std::uint32_t ip = 0;
    const std::uint32_t fault = vmrunit_in_virtual_8086_mode(call.argument, no_page, &ip);
    report(call, fault, ip);
}
#endif

} // namespace vmrunit::guest
