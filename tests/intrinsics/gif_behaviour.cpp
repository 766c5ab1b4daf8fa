// SPDX-License-Identifier: GPL-2.0-only
// The global interrupt flag (APM volume 2, 15.17): CLGI and #VMEXIT clear it, STGI sets it, and
// while it is clear an interrupt waits whatever RFLAGS.IF says.
#include "tests/intrinsics/behaviour.hpp"
#include "tests/intrinsics/machine.hpp"
#include "tests/intrinsics/vmcb_page.hpp"

#include <intrin.h>

namespace {

// A wait for what must happen ends as soon as it does; one for what must not is short.
constexpr unsigned until_it_happens = 10'000'000;
constexpr unsigned while_it_must_not = 500;

class InterruptsOn {
public:
    InterruptsOn() { asm volatile("sti" : : : "memory"); }
    ~InterruptsOn() { asm volatile("cli" : : : "memory"); }
    InterruptsOn(const InterruptsOn&) = delete;
    InterruptsOn& operator=(const InterruptsOn&) = delete;
};

// To be called with GIF clear.
Finding interrupt_waits_for_stgi() {
    const uint32_t expected = interrupts_taken + 1;
    machine::send_interrupt_to_self();
    const bool too_early = machine::interrupts_reach(expected, while_it_must_not);
    __svm_stgi();
    return finding(!too_early && machine::interrupts_reach(expected, until_it_happens));
}

} // namespace

BEHAVIOUR(an_interrupt_arrives_with_gif_set) {
    const InterruptsOn interrupts_on;
    const uint32_t expected = interrupts_taken + 1;
    __svm_stgi();
    machine::send_interrupt_to_self();
    return finding(machine::interrupts_reach(expected, until_it_happens));
}

BEHAVIOUR(clgi_holds_an_interrupt_until_stgi) {
    const InterruptsOn interrupts_on;
    __svm_stgi();
    __svm_clgi();
    return interrupt_waits_for_stgi();
}

BEHAVIOUR(vmexit_holds_an_interrupt_until_stgi) {
    const InterruptsOn interrupts_on;
    __svm_stgi();
    main_vmcb.prepare(l2_trash_everything);
    if (!main_vmcb.runs_to_vmmcall()) {
        return Finding::fails;
    }
    return interrupt_waits_for_stgi();
}
