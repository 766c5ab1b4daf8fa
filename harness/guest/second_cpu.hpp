// SPDX-License-Identifier: GPL-2.0-only
// Starting of further CPUs by INIT and SIPI (APM vol. 2, 16.5), one at a time, from CPU 0. Each
// gets its own block, stacks and tables and the L1 baseline, runs one function and halts for ever
// with interrupts off; only an NMI or a new start reaches it then.
#pragma once

#include "harness/guest/wait.hpp"

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
// reset; any other ignores it. From its construction on that CPU begins nothing else. One at a
// time.
class StartupProbe {
public:
    // 50 ms or so at the usual rates.
    static constexpr Patience per_message{.ticks = std::uint64_t{1} << 27,
                                          .looks = std::uint64_t{1} << 15};

    StartupProbe(std::uint32_t apic_id, std::uint32_t index);
    // Lost if the CPU has not finished its INIT: to be sent again after `per_message`.
    void send() const;
    // Whether the CPU has begun because of one. Lets it go on, so it must be asked.
    [[nodiscard]] bool taken() const;

private:
    std::uint32_t apic_id_;
    std::uint32_t index_;
};

// Whether the function of a started CPU has returned.
[[nodiscard]] bool cpu_finished(std::uint32_t index);

} // namespace vmrunit::guest
