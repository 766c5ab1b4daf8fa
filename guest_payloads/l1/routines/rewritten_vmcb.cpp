// SPDX-License-Identifier: GPL-2.0-only
// What VMRUN checks is what it enters with, whoever writes to the VMCB meanwhile. APM2 15.5.1.

#include "guest_payloads/l1/routines/rewritten_vmcb.hpp"

#include "guest_payloads/l1/routines/l2_elsewhere.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/second_cpu.hpp"
#include "harness/guest/wait.hpp"

#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {

VmcbRewriter::VmcbRewriter(svm::Vmcb& vmcb, std::uint32_t offset, std::uint32_t bit)
    : word_(reinterpret_cast<std::uint32_t*>(&vmcb) + offset / sizeof(std::uint32_t)),
      bit_(bit),
      legal_(word()) {}

VmcbRewriter::~VmcbRewriter() {
    __atomic_store_n(&stop_, 1, __ATOMIC_RELEASE);
    (void)wait_until(long_wait, [] { return cpu_finished(second_cpu_id); });
}

void VmcbRewriter::run(void* self) {
    VmcbRewriter& that = *static_cast<VmcbRewriter*>(self);
    // Not from the word: what #VMEXIT stores there is neither of the two values.
    std::uint32_t value = that.legal_;
    std::uint32_t random = 1;
    while (__atomic_load_n(&that.stop_, __ATOMIC_ACQUIRE) == 0) {
        value ^= that.bit_;
        that.set_word(value);
        __atomic_fetch_add(&that.writes_, 1, __ATOMIC_RELEASE);
        // A Galois shift register of 16 bits: CPUs that take turns must not always meet alike.
        random = random >> 1 ^ ((random & 1) != 0 ? 0xb400u : 0u);
        for (std::uint32_t i = random & 0x3f; i != 0; --i) {
            pause();
        }
        let_others_run();
    }
}

bool VmcbRewriter::start() {
    return start_cpu(second_cpu_id, second_cpu_id, run, this) == CpuStart::started;
}

std::uint32_t VmcbRewriter::writes() const {
    return __atomic_load_n(&writes_, __ATOMIC_ACQUIRE);
}
std::uint32_t VmcbRewriter::word() const {
    return __atomic_load_n(word_, __ATOMIC_ACQUIRE);
}
void VmcbRewriter::set_word(std::uint32_t value) {
    __atomic_store_n(word_, value, __ATOMIC_RELEASE);
}

namespace {

constexpr std::uint32_t vmcb_words = sizeof(svm::Vmcb) / sizeof(std::uint32_t);
/// The VMCB as the case has made it. On a routine's stack it would take half of that.
constinit std::uint32_t fresh_words[vmcb_words]{};

/// What a VMRUN came to, as far as L2 or the exit shows what it ran with.
struct Outcome {
    std::uint64_t exit_code;
    std::uint64_t rip;
    std::uint64_t stored; ///< First quadword of L2's data.

    [[nodiscard]] bool refused() const {
        // Other cases judge the upper half of the code.
        return static_cast<std::uint32_t>(exit_code) ==
               static_cast<std::uint32_t>(svm::ExitCode::invalid);
    }
    bool operator==(const Outcome&) const = default;
};

struct ControlState {
    std::uint64_t values[11];
    bool operator==(const ControlState&) const = default;
};

ControlState control_state() {
    return {{read_cr0(), read_cr3(), read_cr4(), read_msr(Msr::efer), read_dr7() & 0xff, read_cs(),
             read_ss(), read_ds(), read_es(), read_gdtr().base, read_idtr().base}};
}

/// VMRUNs of one VMCB that begin alike but for the word that is not ours.
class RepeatedRun {
public:
    RepeatedRun(Arena& arena, std::uint32_t offset)
        : arena_(arena), other_(offset / sizeof(std::uint32_t)) {
        std::memcpy(fresh_words, &arena.vmcb, sizeof fresh_words);
    }

    Outcome run() {
        auto* const words = reinterpret_cast<std::uint32_t*>(&arena_.vmcb);
        for (std::uint32_t i = 0; i < vmcb_words; ++i) {
            if (i != other_ && words[i] != fresh_words[i]) {
                words[i] = fresh_words[i];
            }
        }
        std::memset(arena_.l2.data, 0, sizeof(std::uint64_t));
        __svm_vmrun(reinterpret_cast<std::uintptr_t>(&arena_.vmcb));
        Outcome outcome{static_cast<std::uint64_t>(arena_.vmcb.control.exit_code),
                        arena_.vmcb.save.rip, 0};
        if (outcome.refused()) {
            return {outcome.exit_code, 0, 0}; // The save area is then nobody's.
        }
        std::memcpy(&outcome.stored, arena_.l2.data, sizeof outcome.stored);
        return outcome;
    }

private:
    Arena& arena_;
    std::uint32_t other_;
};

constexpr std::uint32_t least_runs = 1024;
/// The other CPU may not get its turn for many VMRUNs, where two share one CPU of the host.
constexpr std::uint64_t longest = 8 * long_wait.ticks;

} // namespace

/// Argument: offset of a 32-bit word of the VMCB, and the number of a bit in it << 12. Reports the
/// lower half of the exit code of the VMCB as it comes, and of it with that bit flipped, each
/// alone; whether the second CPU started; then, of VMRUNs while that CPU flips the bit: whether it
/// wrote, whether some ended as the first one did, whether some were refused, whether some did
/// neither and the exit code of the last of those, and how many left L1 with another state; then of
/// that last one the saved RIP, and what L2 stored.
VMRUNIT_ROUTINE(vmrun_rewritten_vmcb) {
    const std::uint32_t offset = call.argument & 0xfff;
    VmcbRewriter other{call.arena.vmcb, offset, 1u << (call.argument >> 12)};
    RepeatedRun repeated{call.arena, offset};
    const std::uint32_t legal = other.word();

    const Outcome expected = repeated.run();
    other.set_word(legal ^ other.bit());
    const Outcome illegal = repeated.run();
    other.set_word(legal);
    __svm_stgi();
    call.report(static_cast<std::uint32_t>(expected.exit_code));
    call.report(static_cast<std::uint32_t>(illegal.exit_code));

    const bool started = other.start();
    call.report(started);
    std::uint32_t ran = 0;
    std::uint32_t refused = 0;
    std::uint32_t neither = 0;
    std::uint32_t disturbed = 0;
    Outcome strange{};
    const ControlState before = control_state();
    const std::uint32_t writes_before = other.writes();
    const std::uint64_t begin = read_tsc();
    const auto enough = [&](std::uint32_t runs) {
        return (runs >= least_runs && ran != 0 && (refused != 0 || neither != 0)) ||
               read_tsc() - begin > longest;
    };
    for (std::uint32_t i = 0; started && !enough(i); ++i) {
        const std::uint32_t given = other.word();
        const Outcome outcome = repeated.run();
        // What #VMEXIT stores is legal: put back, it does not decide what the next one finds where
        // two CPUs take turns. L2's event is not in the field any more.
        other.set_word(given);
        if (outcome.refused()) {
            ++refused;
        } else if (outcome == expected) {
            ++ran;
        } else {
            ++neither;
            strange = outcome;
        }
        disturbed += control_state() == before ? 0 : 1;
        __svm_stgi();
        let_others_run();
    }
    call.report(other.writes() != writes_before);
    call.report(ran != 0);
    call.report(refused != 0);
    call.report(neither != 0);
    call.report(strange.exit_code);
    call.report(disturbed);
    call.report(strange.rip);
    call.report(strange.stored);
}

} // namespace vmrunit::guest
