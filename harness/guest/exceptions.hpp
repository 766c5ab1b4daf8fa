// SPDX-License-Identifier: GPL-2.0-only
// Exceptions, NMIs and interrupts that arrive in L1 (APM vol. 2, chapter 8), reported as data. A
// fault inside catch_fault() ends that call and is its result; any other goes to a hook and the CPU
// stops. NMIs and interrupts are counted and execution continues.
#pragma once

#ifdef __x86_64__
#include "harness/guest/x64/interrupt_frame.hpp"
#else
#include "harness/guest/x86/interrupt_frame.hpp"
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace vmrunit::guest {

enum class Vector : std::uint8_t {
    // clang-format off
    divide_error         = 0,
    debug                = 1,
    nmi                  = 2,
    breakpoint           = 3,
    overflow             = 4,
    bound_range          = 5,
    invalid_opcode       = 6,
    device_not_available = 7,
    double_fault         = 8,
    invalid_tss          = 10,
    segment_not_present  = 11,
    stack                = 12,
    general_protection   = 13,
    page_fault           = 14,
    x87_pending          = 16,
    alignment_check      = 17,
    machine_check        = 18,
    simd                 = 19,
    control_protection   = 21,
    vmm_communication    = 29,
    security             = 30,
    // clang-format on
};

inline constexpr std::uint8_t first_interrupt_vector = 32;

struct Fault {
    Vector vector;
    bool has_error_code;
    std::uint32_t error_code;
    std::uint64_t rip;
    std::uint64_t rsp;
    std::uint64_t rflags;
    std::uint64_t cr2; // CR2 at the time; a #PF has set it
};

struct EventCounts {
    std::uint64_t nmis;
    std::uint64_t interrupts;
    std::uint64_t last_nmi_rip;
    std::uint64_t last_interrupt_rip;
    std::uint8_t last_interrupt_vector;
    std::array<std::uint64_t, 4> interrupt_vectors; // one bit per vector that came
};

// Where a fault continues instead of at the faulting instruction: RIP 0 means nowhere. Assembly
// that runs with no usable stack frame may fill one by itself; it is consumed by the fault.
struct ResumePoint {
    std::uintptr_t rip;
    std::uintptr_t rsp;
};
static_assert(offsetof(ResumePoint, rip) == 0 && offsetof(ResumePoint, rsp) == sizeof(void*));

// Called with a fault nobody waits for, before the CPU halts for ever; never called twice on a CPU.
using UnexpectedFaultHook = void (*)(const Fault& fault, const InterruptFrame& frame);
void set_unexpected_fault_hook(UnexpectedFaultHook hook);

namespace detail {
std::optional<Fault> call_and_catch(void (*function)(void*), void* context);
} // namespace detail

// Runs `function` and returns the fault that ended it, if one did. No destructor of an abandoned
// function runs: keep it to the instruction under test. Calls may nest.
template<class Function>
std::optional<Fault> catch_fault(Function&& function) {
    using Plain = std::remove_reference_t<Function>;
    const auto invoke = [](void* context) { (*static_cast<Plain*>(context))(); };
    return detail::call_and_catch(invoke,
                                  const_cast<void*>(static_cast<const volatile void*>(&function)));
}

// What routines report of a fault: its vector + 1, or 0 for none.
[[nodiscard]] inline std::uint64_t vector_plus_1(const std::optional<Fault>& fault) {
    return fault ? static_cast<std::uint64_t>(fault->vector) + 1 : 0;
}

} // namespace vmrunit::guest
