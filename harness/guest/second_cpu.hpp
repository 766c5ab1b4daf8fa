// SPDX-License-Identifier: GPL-2.0-only
// Starting of further CPUs by INIT and SIPI (APM vol. 2, 16.5), one at a time, from CPU 0. Each
// gets its own block, stacks and tables and the L1 baseline, runs one function and halts for ever
// with interrupts off; only an NMI or a new start reaches it then.
#pragma once

#include <cstdint>

namespace vmrunit::guest {

using CpuFunction = void (*)(void* context);

enum class CpuStart : std::uint8_t {
    started,        // the function is running or has already returned
    no_such_index,  // 0, or not below maximum_cpus
    is_this_cpu,    // the APIC id of the caller
    does_not_answer // no CPU with this APIC id, or it is broken
};

// Returns when the CPU has reached L1's baseline, or when it has not after several attempts.
[[nodiscard]] CpuStart start_cpu(std::uint32_t apic_id, std::uint32_t index, CpuFunction function,
                                 void* context);

// Whether a CPU that was started before waits for a start-up message, as one does that INIT has
// reset: it is sent one, which any other ignores, and has 50 ms or so to begin.
[[nodiscard]] bool takes_startup(std::uint32_t apic_id, std::uint32_t index);

// Whether the function of a started CPU has returned.
[[nodiscard]] bool cpu_finished(std::uint32_t index);

} // namespace vmrunit::guest
