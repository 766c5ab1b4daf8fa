// SPDX-License-Identifier: GPL-2.0-only
// The C++ end of every interrupt gate.

#include "harness/guest/exceptions.hpp"

#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/per_cpu.hpp"

namespace vmrunit::guest {
namespace {

constinit UnexpectedFaultHook unexpected_fault_hook = nullptr;

// APM vol. 2, table 8-1.
constexpr bool pushes_error_code(std::uint64_t vector) {
    constexpr std::uint32_t with_error_code = 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 |
                                              1u << 14 | 1u << 17 | 1u << 21 | 1u << 29 | 1u << 30;
    return vector < 32 && with_error_code >> vector & 1;
}

void count_nmi(EventCounts& events, const InterruptFrame& frame) {
    ++events.nmis;
    events.last_nmi_rip = frame.rip;
}

void count_interrupt(EventCounts& events, const InterruptFrame& frame) {
    const auto vector = static_cast<std::uint8_t>(frame.vector);
    ++events.interrupts;
    events.last_interrupt_rip = frame.rip;
    events.last_interrupt_vector = vector;
    events.interrupt_vectors[vector / 64] |= std::uint64_t{1} << vector % 64;
    // INT n comes here as well and must not end somebody else's interrupt.
    const LocalApic apic;
    if (apic.in_service(vector))
        apic.end_of_interrupt();
}

} // namespace

// exception_entry.S
extern "C" bool guest_call_with_resume(void (*function)(void*), void* context, ResumePoint* resume);

extern "C" void guest_handle_interrupt(InterruptFrame* frame) {
    PerCpu& cpu = current_cpu();
    if (frame->vector >= first_interrupt_vector) {
        count_interrupt(cpu.events, *frame);
        return;
    }
    if (frame->vector == static_cast<std::uint64_t>(Vector::nmi)) {
        count_nmi(cpu.events, *frame);
        return;
    }

#ifndef __x86_64__
    if (frame->vector == double_fault_vector)
        take_interrupted_state(cpu, *frame);
#endif
    cpu.last_fault = {
        .vector = static_cast<Vector>(frame->vector),
        .has_error_code = pushes_error_code(frame->vector),
        .error_code = static_cast<std::uint32_t>(frame->error_code),
        .rip = frame->rip,
        .rsp = frame->rsp,
        .rflags = frame->rflags,
        .cr2 = read_cr2(),
    };
    ++cpu.fault_count;
    if (cpu.resume.rip != 0) {
        frame->return_to(cpu.resume.rip, cpu.resume.rsp);
        cpu.resume = {};
        return;
    }
    if (unexpected_fault_hook && !cpu.reporting_unexpected_fault) {
        cpu.reporting_unexpected_fault = true;
        unexpected_fault_hook(cpu.last_fault, *frame);
    }
    halt_forever();
}

void set_unexpected_fault_hook(UnexpectedFaultHook hook) {
    unexpected_fault_hook = hook;
}

std::optional<Fault> detail::call_and_catch(void (*function)(void*), void* context) {
    PerCpu& cpu = current_cpu();
    const ResumePoint outer = cpu.resume;
    const bool faulted = guest_call_with_resume(function, context, &cpu.resume);
    cpu.resume = outer;
    if (!faulted)
        return std::nullopt;
    return cpu.last_fault;
}

} // namespace vmrunit::guest
