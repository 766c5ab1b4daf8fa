// SPDX-License-Identifier: GPL-2.0-only
// An L2 on the second CPU, while this one does something to it. APM2 15.13, 16.5.
#pragma once

#include "harness/arena.hpp"
#include "harness/guest/apic.hpp"
#include "harness/guest/second_cpu.hpp"

#include <cstdint>
#include <optional>

namespace vmrunit::guest {

inline constexpr std::uint32_t second_cpu_id = 1; ///< APIC id, and index.

/// One VMRUN there. Its L2 stores 1 in the byte that its rAX leads to, and then waits.
class L2Elsewhere {
public:
    struct Seen {
        std::uint64_t exit_code;
        std::uint64_t rip;
        std::uint64_t before_stgi; ///< NMIs, SMIs and interrupts that CPU took before STGI...
        std::uint64_t behind_stgi; ///< ...and all of them, once it has.
        std::uint64_t exit_info_1;
        bool vm_cr_is_set; ///< Known as soon as L2 runs.
    };

    struct Options {
        std::uint64_t vm_cr = 0; ///< Set in that CPU's VM_CR from before VMRUN until behind STGI.
        bool holds = false;      ///< Clears GIF and waits for run_held() before its VMRUN.
    };

    explicit L2Elsewhere(Arena& arena) : L2Elsewhere{arena, Options{}} {}
    L2Elsewhere(Arena& arena, const Options& options) : arena_{arena}, options_{options} {}
    L2Elsewhere(const L2Elsewhere&) = delete;
    L2Elsewhere& operator=(const L2Elsewhere&) = delete;
    /// Leaves the CPU stopped, whatever has become of it.
    ~L2Elsewhere() { LocalApic{}.send_init(second_cpu_id); }

    /// Returns once L2 has stored, or once GIF is clear where it `holds`; false if that takes some
    /// seconds.
    [[nodiscard]] bool start(std::uint64_t host_save_area);
    /// Whether one that `holds` still does, long behind what was sent: GIF keeps it from that CPU.
    /// Where that was INIT, a CPU that it has reset all the same is noticed by its answer.
    [[nodiscard]] bool still_holds(bool init_was_sent);
    /// The VMRUN for which one that `holds` has waited: what was sent since start() is pending.
    void run_held();
    /// Whether the VMRUN has ended. Waits some seconds for it, or some 50 ms if it should not.
    [[nodiscard]] bool wait_for_exit(bool expected) const;
    /// After INIT has been sent: until there is an exit or the CPU takes a start-up message.
    [[nodiscard]] bool wait_for_exit_by_init();
    /// After INIT has been sent: whether the CPU has been reset, and so takes a start-up message
    /// without a further INIT. Waits some seconds for that, unless it gets behind its STGI.
    [[nodiscard]] bool is_reset();
    /// Whether the CPU got behind its STGI. As for the exit.
    [[nodiscard]] bool wait_for_stgi(bool expected) const;
    /// What L2's rAX leads to when it begins. In low memory, too, that is where L2 sees it.
    [[nodiscard]] std::uint8_t& l2_word() const;
    /// Complete up to what has been waited for.
    [[nodiscard]] const Seen& seen() const { return seen_; }

private:
    enum Phase : std::uint32_t { before, holding, exited, behind_stgi };

    static void run(void* self);
    [[nodiscard]] bool reached(Phase phase) const;
    [[nodiscard]] bool wait_for(Phase phase, bool expected) const;
    /// Until that, unless the CPU takes a start-up message before.
    template<class Condition>
    void wait_for_reset_or(Condition&& condition);

    Arena& arena_;
    Options options_;
    std::uint64_t host_save_area_ = 0;
    Seen seen_{};
    std::uint32_t phase_ = before; ///< By __atomic builtins, as the next one.
    bool let_go_ = false;
    std::uint32_t pulse_ = 0; ///< Changes while the CPU holds.
    /// One for all waits: a message of one of them may be taken during the next.
    std::optional<StartupProbe> probe_{};
    bool is_reset_ = false; ///< It has taken a start-up message and is not in run() any more.
};

} // namespace vmrunit::guest
