// SPDX-License-Identifier: GPL-2.0-only
// The caller's side of a CPU start, and the first C++ on the started CPU.

#include "harness/guest/second_cpu.hpp"

#include "harness/guest/apic.hpp"
#include "harness/guest/l1_baseline.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/wait.hpp"

#include <atomic>

namespace vmrunit::guest {
namespace {

enum class Phase : std::uint32_t { idle, wanted, running, released, finished };

struct Start {
    CpuFunction function;
    void* context;
    Phase phase; // only by atomic_ref
};
constinit Start starts[maximum_cpus]{};

/// By __atomic builtins. Not on a stack: the CPU may write it late.
constinit std::uint32_t probe_begun = 0;

constexpr std::uint8_t trampoline_page = VMRUNIT_LOW_TEXT_BEGIN / 0x1000;

// A start-up message is lost if the CPU has not finished its INIT; nothing says so, hence attempts,
// each of 50 ms or so at the usual rates. The last one gets the seconds that a busy host may need.
constexpr int attempts = 32;
constexpr Patience per_attempt = StartupProbe::per_message;
constexpr Patience last_attempt = long_wait;

/// Lets a CPU that has begun go on, once whoever starts it sends it nothing more: a start-up
/// message that comes late is none for it, but QEMU 7.2 ends a HLT for one.
bool release(Start& start) {
    Phase begun = Phase::running;
    return std::atomic_ref{start.phase}.compare_exchange_strong(begun, Phase::released);
}

void wait_for_release(Start& start) {
    const auto is_released = [&] {
        return std::atomic_ref{start.phase}.load(std::memory_order_acquire) == Phase::released;
    };
    while (!wait_until(long_wait, is_released)) {
        // Whoever has given this CPU up stops it by INIT.
    }
}

} // namespace

// Read by second_cpu_trampoline.S, in 32-bit mode.
extern "C" {
constinit std::uint32_t guest_second_cpu_stack_top = 0;
constinit std::uint32_t guest_second_cpu_index = 0;

[[noreturn]] void guest_second_cpu_start(std::uint32_t index) {
    initialise_cpu(index);
    LocalApic{}.reset();
    Start& start = starts[index];
    std::atomic_ref{start.phase}.store(Phase::running, std::memory_order_release);
    wait_for_release(start);
    start.function(start.context);
    std::atomic_ref{start.phase}.store(Phase::finished, std::memory_order_release);
    halt_forever();
}
}

CpuStart start_cpu(std::uint32_t apic_id, std::uint32_t index, CpuFunction function,
                   void* context) {
    const LocalApic apic;
    if (index == 0 || index >= maximum_cpus)
        return CpuStart::no_such_index;
    if (apic_id == apic.id())
        return CpuStart::is_this_cpu;

    Start& start = starts[index];
    // First, so that a CPU which is running on this stack stops before anything is overwritten.
    apic.send_init(apic_id);
    start.function = function;
    start.context = context;
    guest_second_cpu_stack_top = static_cast<std::uint32_t>(stack_top(index));
    guest_second_cpu_index = index;
    std::atomic_ref{start.phase}.store(Phase::wanted);

    for (int attempt = 0; attempt < attempts; ++attempt) {
        apic.send_startup(apic_id, trampoline_page);
        if (happens_within(per_attempt, [&] { return release(start); }))
            return CpuStart::started;
    }
    if (wait_until(last_attempt, [&] { return release(start); }))
        return CpuStart::started;
    // It may still wake up: not into a function that is no longer waited for.
    apic.send_init(apic_id);
    return CpuStart::does_not_answer;
}

StartupProbe::StartupProbe(std::uint32_t apic_id, std::uint32_t index)
    : apic_id_{apic_id}, index_{index} {
    __atomic_store_n(&probe_begun, 0, __ATOMIC_RELAXED);
    // A CPU that goes on is behind the call of its function, and does not look at these again.
    Start& start = starts[index_];
    start.function = [](void*) { __atomic_store_n(&probe_begun, 1, __ATOMIC_RELEASE); };
    start.context = nullptr;
    std::atomic_ref{start.phase}.store(Phase::wanted);
}

void StartupProbe::send() const {
    LocalApic{}.send_startup(apic_id_, trampoline_page);
}

bool StartupProbe::taken() const {
    (void)release(starts[index_]);
    return __atomic_load_n(&probe_begun, __ATOMIC_ACQUIRE) == 1;
}

bool cpu_finished(std::uint32_t index) {
    return index < maximum_cpus &&
           std::atomic_ref{starts[index].phase}.load(std::memory_order_acquire) == Phase::finished;
}

} // namespace vmrunit::guest
