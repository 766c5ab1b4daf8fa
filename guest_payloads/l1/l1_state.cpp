// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/l1_state.hpp"

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"

namespace vmrunit::guest {

using wire::L1Register;
using wire::L1State;

namespace {

constexpr std::uint64_t dr7_without_breakpoints = 0x400;
/// The same with LE and GE, which arm nothing.
constexpr std::uint64_t dr7_exact = 0x700;

/// FXSAVE image after FNINIT and the reset value of MXCSR, APM2 11.4.4; the registers are zero.
struct alignas(16) FxsaveImage {
    std::uint16_t control = 0x37f;
    std::uint16_t status = 0;
    std::uint8_t tags = 0;
    std::uint8_t reserved[19]{};
    std::uint32_t mxcsr = 0x1f80;
    std::uint32_t mxcsr_mask = 0;
    std::uint8_t registers[480]{};
};
static_assert(sizeof(FxsaveImage) == 512);
constexpr FxsaveImage fresh_fpu{};

std::uint64_t read_register(L1Register target, std::uint32_t msr) {
    switch (target) {
    case L1Register::msr:
        return read_msr(msr);
    case L1Register::cr0:
        return read_cr0();
    case L1Register::cr4:
        return read_cr4();
    case L1Register::dr0:
        return read_dr0();
    case L1Register::dr1:
        return read_dr1();
    case L1Register::dr2:
        return read_dr2();
    case L1Register::dr3:
        return read_dr3();
    case L1Register::dr7:
        return read_dr7();
    case L1Register::xcr0:
        return read_xcr0();
    case L1Register::cr8:
        return read_cr8();
    }
    return 0;
}

void write_register(L1Register target, std::uint32_t msr, std::uint64_t value) {
    switch (target) {
    case L1Register::msr:
        return write_msr(msr, value);
    case L1Register::cr0:
        return write_cr0(value);
    case L1Register::cr4:
        return write_cr4(value);
    case L1Register::dr0:
        return write_dr0(value);
    case L1Register::dr1:
        return write_dr1(value);
    case L1Register::dr2:
        return write_dr2(value);
    case L1Register::dr3:
        return write_dr3(value);
    case L1Register::dr7:
        return write_dr7(value);
    case L1Register::xcr0:
        return write_xcr0(value);
    case L1Register::cr8:
        return write_cr8(value);
    }
}

} // namespace

std::uint64_t L1StateKeeper::read(L1State state) {
    switch (state) {
    case L1State::cr0:
        return read_cr0();
    case L1State::cr3:
        return read_cr3();
    case L1State::cr4:
        return read_cr4();
    case L1State::efer:
        return read_msr(Msr::efer);
    case L1State::dr7:
        return read_dr7();
    case L1State::cs:
        return read_cs();
    case L1State::ss:
        return read_ss();
    case L1State::ds:
        return read_ds();
    case L1State::es:
        return read_es();
    case L1State::gdtr_base:
        return read_gdtr().base;
    case L1State::gdtr_limit:
        return read_gdtr().limit;
    case L1State::idtr_base:
        return read_idtr().base;
    case L1State::idtr_limit:
        return read_idtr().limit;
    case L1State::cr2:
        return read_cr2();
    case L1State::rax:
    case L1State::rsp:
    case L1State::rflags:
        break; // Only the instructions beside the VMRUN see these: RunEdge.
    }
    return 0;
}

void L1StateKeeper::repair(L1State state, std::uint64_t value) {
    switch (state) {
    case L1State::cr0:
        return write_cr0(value);
    case L1State::cr3:
        return write_cr3(value);
    case L1State::cr4:
        return write_cr4(value);
    case L1State::efer:
        return write_msr(Msr::efer, value);
    case L1State::dr7:
        return write_dr7(value);
    case L1State::ds:
        return write_ds(static_cast<std::uint16_t>(value));
    case L1State::es:
        return write_es(static_cast<std::uint16_t>(value));
    default:
        return; // Nothing of L1 would run on with another CS, SS or descriptor table.
    }
}

void L1StateKeeper::capture() {
    write_dr7(dr7_without_breakpoints);
    forget_addresses();
    for (unsigned i = static_cast<unsigned>(L1State::cr0); i < wire::l1_state_count; ++i) {
        reference_[i] = read(static_cast<L1State>(i));
    }
    has_xsave_ = (cpuid(1).ecx >> 26 & 1) != 0;
    has_cr8_ = has_cr8();
    if (has_xsave_) {
        xcr0_ = read_xcr0();
    }
}

void L1StateKeeper::read_intercepted(const L2Trace& l2) {
    const bool written = write_count_ != 0;
    const bool other_cr4 = (l2.cr4s & ~svm::cr4::osxsave) != 0;
    read_intercepted({.cr4 = other_cr4 || written,
                      .efer = l2.other_efer || written,
                      .dr7 = l2.other_dr7 || written});
}

void L1StateKeeper::read_intercepted(Registers which) {
    cr4_ = which.cr4 ? read_cr4() : cr4_but_for_osxsave();
    efer_ = which.efer ? read(L1State::efer) : expected(L1State::efer);
    dr7_ = which.dr7 ? read_dr7() : expected(L1State::dr7);
}

/// Most L2s have L1's CR4 without OSXSAVE, and that bit shows without an exit: by XGETBV.
std::uint64_t L1StateKeeper::cr4_but_for_osxsave() const {
    const std::uint64_t cr4 = expected(L1State::cr4);
    if (!has_xsave_) {
        return cr4;
    }
    const auto fault = catch_fault([] { (void)read_xcr0(); });
    return fault ? cr4 & ~svm::cr4::osxsave : cr4 | svm::cr4::osxsave;
}

void L1StateKeeper::disarm(std::uint64_t guest_dr7) {
    namespace dr7 = svm::dr7;
    if ((guest_dr7 & dr7::breakpoint_enables) == 0 || (guest_dr7 & dr7::breakpoint_kinds) != 0) {
        return;
    }
    // L1's DR7 has the kinds of these breakpoints, so QEMU finds them when more than enable bits
    // changes. Data breakpoints it would look for in the wrong list, and crash; it leaves those
    // without effect once they are not enabled.
    write_dr7(dr7_exact);
    write_dr7(dr7_without_breakpoints);
}

void L1StateKeeper::freshen() {
    asm volatile("fxrstor %0" : : "m"(fresh_fpu));
    if (has_xsave_ && read_xcr0() != xcr0_) {
        write_xcr0(xcr0_);
    }
    // Where L1 has no way to CR8, neither has the L2 of such an L1.
    if (has_cr8_ && read_cr8() != 0) {
        write_cr8(0);
    }
    // VMRUN loads CR2 too; a subject that does not shall fail in its own cases only. A 32-bit L1
    // does not see the upper half that a 64-bit L2 left.
    if (sizeof(void*) == 4 || read_cr2() != 0) {
        write_cr2(0);
    }
    // A subject that shares one PAT between L1 and L2 fails in its own cases only.
    if (other_pat_ && read_msr(svm::msr::pat) != svm::pat_reset) {
        write_msr(svm::msr::pat, svm::pat_reset);
    }
    other_pat_ = false;
}

void L1StateKeeper::forget_addresses() {
    write_dr0(0);
    write_dr1(0);
    write_dr2(0);
    write_dr3(0);
}

bool L1StateKeeper::write(const wire::Op& op) {
    if (write_count_ == max_writes || op.region > static_cast<unsigned>(L1Register::cr8)) {
        return false;
    }
    const auto target = static_cast<L1Register>(op.region);
    bool done = false;
    (void)catch_fault([&] {
        const std::uint64_t before = read_register(target, op.offset);
        write_register(target, op.offset, op.value);
        writes_[write_count_++] = {target, op.offset, before};
        follow(target, op.offset);
        done = true;
    });
    return done;
}

void L1StateKeeper::follow(L1Register target, std::uint32_t msr) {
    const auto now = [this](L1State state) {
        reference_[static_cast<unsigned>(state)] = read(state);
    };
    if (target == L1Register::cr0) {
        now(L1State::cr0);
    } else if (target == L1Register::cr4) {
        now(L1State::cr4);
    } else if (target == L1Register::msr && msr == svm::msr::efer) {
        now(L1State::efer);
    }
}

void L1StateKeeper::undo_writes() {
    while (write_count_ != 0) {
        const Write& write = writes_[--write_count_];
        write_register(write.target, write.msr, write.before);
        follow(write.target, write.msr);
    }
}

} // namespace vmrunit::guest
