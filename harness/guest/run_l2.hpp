// SPDX-License-Identifier: GPL-2.0-only
// One VMRUN with all general registers of L2 in and out. APM2 15.5.1, 15.6.
#pragma once

#include <cstdint>

namespace vmrunit::guest {

/// L2's general registers by encoding number; RAX and RSP are in the VMCB, their slots are not
/// used.
struct L2Registers {
    std::uint64_t value[16];
};

/// What only the instructions beside the VMRUN can see.
struct RunEdge {
    std::uint64_t rax_after; ///< #VMEXIT restores RAX: the operand of VMRUN.
    std::uint64_t rsp_before;
    std::uint64_t rsp_after;
    std::uint64_t rflags_before;
    std::uint64_t rflags_after;
};

/// VMRUN of the VMCB at physical address `vmcb`. Loads and stores `registers`. VMRUN itself may
/// fault: whoever expects that calls this inside catch_fault().
extern "C" void vmrunit_run_l2(std::uint64_t vmcb, L2Registers* registers, RunEdge* edge);

/// `count` VMRUNs of the same VMCB in a row, RIP put back to `rip` before each; nothing else
/// between. Returns the time-stamp ticks they took together. L2 must exit without changing other
/// state.
extern "C" std::uint64_t vmrunit_measure_runs(std::uint64_t vmcb, std::uint64_t count,
                                              std::uint64_t* rip_field, std::uint64_t rip);

} // namespace vmrunit::guest
