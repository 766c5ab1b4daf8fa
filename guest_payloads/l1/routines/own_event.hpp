// SPDX-License-Identifier: GPL-2.0-only
// An event that this CPU sends to itself by its local APIC, and how many of its kind have arrived.
// APM2 16.5.
#pragma once

#include "guest_payloads/l1/routines/smm_handler.hpp"
#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/per_cpu.hpp"

#include <cstdint>

namespace vmrunit::guest {

class OwnEvent {
public:
    /// `both`: two fixed interrupts; `of_l2`: a fixed one, which not this CPU's L1 sends.
    enum Kind : std::uint32_t { fixed, nmi, smi, both, of_l2 };
    static constexpr std::uint8_t vector = 0x51; ///< Of a fixed interrupt.
    static constexpr std::uint8_t higher = 0x61; ///< Of the second of `both`.

    explicit OwnEvent(std::uint32_t kind) : kind_(kind) {
        if (kind_ == smi) {
            SmmHandler::install();
        }
        before_ = arrived();
    }

    /// Returns once it is pending here, or has been taken: a message takes its time.
    void send() const {
        const std::uint64_t before = arrived();
        switch (kind_) {
        case nmi:
            apic_.send_nmi(apic_.id());
            return wait_for_message(before);
        case smi:
            apic_.send_smi(apic_.id());
            return wait_for_message(before);
        case of_l2:
            return;
        case both:
            send_fixed(vector, before);
            return send_fixed(higher, before);
        default:
            return send_fixed(vector, before);
        }
    }
    [[nodiscard]] std::uint64_t count() const { return arrived() - before_; }

private:
    void send_fixed(std::uint8_t number, std::uint64_t before) const {
        constexpr int most_looks = 1 << 12;
        apic_.send_fixed(apic_.id(), number);
        for (int looks = 0; looks < most_looks && !apic_.requested(number) && arrived() == before;
             ++looks) {
            pause();
        }
    }
    /// No register shows an NMI or SMI that waits: microseconds in which a message has long come.
    void wait_for_message(std::uint64_t before) const {
        constexpr std::uint64_t ticks = std::uint64_t{1} << 16;
        const std::uint64_t begin = read_tsc();
        while (read_tsc() - begin < ticks && arrived() == before) {
            pause();
        }
    }
    [[nodiscard]] std::uint64_t arrived() const {
        const EventCounts& events = current_cpu().events;
        return kind_ == smi ? SmmHandler::count() : kind_ == nmi ? events.nmis : events.interrupts;
    }

    LocalApic apic_;
    std::uint32_t kind_;
    std::uint64_t before_ = 0;
};

/// An IRET, for an NMI whose handler did not come to its own.
inline void admit_nmis() {
#ifdef __x86_64__
    std::uint64_t scratch = 0;
    asm volatile("mov %%ss, %0\n\t"
                 "push %0\n\t"
                 "lea 8(%%rsp), %0\n\t"
                 "push %0\n\t"
                 "pushfq\n\t"
                 "mov %%cs, %0\n\t"
                 "push %0\n\t"
                 "lea 1f(%%rip), %0\n\t"
                 "push %0\n\t"
                 "iretq\n"
                 "1:"
                 : "=&r"(scratch)
                 :
                 : "memory", "cc");
#else
    std::uint32_t scratch = 0;
    asm volatile("pushfl\n\t"
                 "mov %%cs, %0\n\t"
                 "push %0\n\t"
                 "pushl $1f\n\t"
                 "iretl\n"
                 "1:"
                 : "=&r"(scratch)
                 :
                 : "memory", "cc");
#endif
}

} // namespace vmrunit::guest
