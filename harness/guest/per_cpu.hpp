// SPDX-License-Identifier: GPL-2.0-only
// What every CPU has for itself. A CPU finds its block by GDTR: #VMEXIT restores GDTR but leaves
// FS, GS and KernelGSBase as L2 had them (APM vol. 2, 15.6), so a GS base would lead nowhere just
// then.
#pragma once

#include "harness/guest/cpu.hpp"
#include "harness/guest/descriptor_tables.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/l1_baseline.hpp"

#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

struct PerCpu {
    GlobalDescriptorTable gdt; // first: the base of GDTR is the address of the block
    TaskStateSegment task_state;
    FaultTask fault_task;
    std::uint32_t index;
    ResumePoint resume;
    Fault last_fault;
    std::uint64_t fault_count;
    EventCounts events;
    bool reporting_unexpected_fault;
};
static_assert(offsetof(PerCpu, gdt) == 0);

[[nodiscard]] inline PerCpu& current_cpu() {
    return *reinterpret_cast<PerCpu*>(read_gdtr().base);
}

[[nodiscard]] PerCpu& cpu_by_index(std::uint32_t index);
[[nodiscard]] std::uint64_t stack_top(std::uint32_t index);

// Brings the executing CPU into L1's baseline: descriptor tables, control and debug registers.
void initialise_cpu(std::uint32_t index);

} // namespace vmrunit::guest
