// SPDX-License-Identifier: GPL-2.0-only
// The state of L1 that a #VMEXIT must hand back (APM2 15.5.1, 15.6), and the state that cases share
// and must find fresh: control and debug registers, x87/SSE, XCR0, task priority.
#pragma once

#include "harness/guest/run_l2.hpp"
#include "harness/wire/plan.hpp"
#include "harness/wire/record.hpp"

#include <cstdint>

namespace vmrunit::guest {

/// What L2 had, as far as the VMCB tells.
struct L2Trace {
    std::uint64_t cr2; ///< Behind the #VMEXIT.
    /// Bits in which CR4 of an L2 of this case was not L1's, at its VMRUN or at its #VMEXIT.
    std::uint64_t cr4s;
    bool other_efer; ///< Than L1, at either.
    bool other_dr7;
    bool other_pat; ///< Than at reset.
};

class L1StateKeeper {
public:
    /// Reads what this CPU's L1 state is; everything later is compared with and put back to it.
    void capture();

    /// Before a case: everything L2 of the case before may have left behind.
    void freshen();

    /// After a #VMEXIT: QEMU writes L1's DR7 but keeps the execution breakpoints of `guest_dr7`,
    /// that of L2, armed. APM2 15.6: none is.
    static void disarm(std::uint64_t guest_dr7);

    /// DR0 to DR3 hold linear addresses of breakpoints.
    static void forget_addresses();

    /// An l1_write op; false for a register this payload does not know. Put back by undo_writes().
    [[nodiscard]] bool write(const wire::Op& op);
    void undo_writes();

    /// Reads CR4, EFER and DR7 for the next check(), before anything is compared: under a
    /// hypervisor these reads are exits, each of which costs the CPU the translations it has, and
    /// comparing needs many. Each is looked at where L2 or the case had another value than L1 is to
    /// have: else nothing tells whether that came back.
    void read_intercepted(const L2Trace& l2);
    void read_intercepted() { read_intercepted({.cr4 = true, .efer = true, .dr7 = true}); }

    /// Calls `differs(L1State, value)` for whatever #VMEXIT should have restored and did not, and
    /// repairs it. `vmcb` is the address VMRUN was given. After read_intercepted().
    template<class Differs>
    void check(const RunEdge& edge, std::uint64_t vmcb, const L2Trace& l2, Differs&& differs);

    /// The same behind a routine, for what the CPU has beside the general registers. Routines have
    /// CR2 for their faults.
    template<class Differs>
    void check(Differs&& differs);

    [[nodiscard]] std::uint64_t expected(wire::L1State state) const {
        return reference_[static_cast<unsigned>(state)];
    }

private:
    struct Registers {
        bool cr4, efer, dr7;
    };
    void read_intercepted(Registers which);
    [[nodiscard]] std::uint64_t cr4_but_for_osxsave() const;
    template<class Differs>
    void check_all(Differs&& differs);
    template<class Differs>
    void check(wire::L1State state, std::uint64_t now, std::uint64_t expected, Differs&& differs);

    struct Write {
        wire::L1Register target;
        std::uint32_t msr;
        std::uint64_t before;
    };
    static constexpr unsigned max_writes = 16;

    /// What a case has written is what #VMEXIT has to restore.
    void follow(wire::L1Register target, std::uint32_t msr);

    [[nodiscard]] static std::uint64_t read(wire::L1State state);
    static void repair(wire::L1State state, std::uint64_t value);

    std::uint64_t reference_[wire::l1_state_count]{};
    std::uint64_t cr4_ = 0, efer_ = 0, dr7_ = 0; ///< As read_intercepted() found them.
    std::uint64_t xcr0_ = 0;
    bool has_xsave_ = false;
    bool has_cr8_ = false;
    bool other_pat_ = true; ///< L1's PAT may be another than at reset.
    Write writes_[max_writes]{};
    unsigned write_count_ = 0;
};

template<class Differs>
void L1StateKeeper::check(const RunEdge& edge, std::uint64_t vmcb, const L2Trace& l2,
                          Differs&& differs) {
    using wire::L1State;
    if (edge.rax_after != vmcb) {
        differs(L1State::rax, edge.rax_after - vmcb);
    }
    if (edge.rsp_after != edge.rsp_before) {
        differs(L1State::rsp, edge.rsp_after);
    }
    if (edge.rflags_after != edge.rflags_before) {
        differs(L1State::rflags, edge.rflags_after);
    }
    // A 32-bit L1 sees the lower half of what L2 has in CR2.
    check(L1State::cr2, read(L1State::cr2), static_cast<std::uintptr_t>(l2.cr2), differs);
    check_all(differs);
    other_pat_ = other_pat_ || l2.other_pat;
}

template<class Differs>
void L1StateKeeper::check(Differs&& differs) {
    check_all(differs);
    other_pat_ = true;
}

template<class Differs>
void L1StateKeeper::check_all(Differs&& differs) {
    using wire::L1State;
    for (unsigned i = static_cast<unsigned>(L1State::cr0); i < wire::l1_state_count; ++i) {
        const auto state = static_cast<L1State>(i);
        if (state != L1State::cr2) {
            const std::uint64_t now = state == L1State::cr4    ? cr4_
                                      : state == L1State::efer ? efer_
                                      : state == L1State::dr7  ? dr7_
                                                               : read(state);
            check(state, now, reference_[i], differs);
        }
    }
}

template<class Differs>
void L1StateKeeper::check(wire::L1State state, std::uint64_t now, std::uint64_t expected,
                          Differs&& differs) {
    if (now != expected) {
        differs(state, now);
        repair(state, reference_[static_cast<unsigned>(state)]);
    }
}

} // namespace vmrunit::guest
