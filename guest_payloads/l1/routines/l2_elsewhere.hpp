// SPDX-License-Identifier: GPL-2.0-only
// An L2 on the second CPU, while this one does something to it. APM2 15.13, 16.5.
#pragma once

#include "harness/arena.hpp"
#include "harness/guest/apic.hpp"
#include "harness/guest/paging.hpp"
#include "harness/guest/second_cpu.hpp"

#include <cstdint>

namespace vmrunit::guest {

inline constexpr std::uint32_t second_cpu_id = 1; ///< APIC id, and index.

/// One VMRUN there. Its L2 stores 1 in the first byte of L2's data and then waits.
class L2Elsewhere {
public:
    struct Seen {
        std::uint64_t exit_code;
        std::uint64_t rip;
        std::uint64_t before_stgi; ///< NMIs and interrupts that CPU took before STGI...
        std::uint64_t behind_stgi; ///< ...and all of them, once it has.
    };

    explicit L2Elsewhere(Arena& arena) : arena_{arena}, l1_mode_{paging_now()} {}
    L2Elsewhere(const L2Elsewhere&) = delete;
    L2Elsewhere& operator=(const L2Elsewhere&) = delete;
    /// Leaves the CPU stopped, whatever has become of it.
    ~L2Elsewhere() { LocalApic{}.send_init(second_cpu_id); }

    /// Returns once L2 has stored; false if it has not for some seconds.
    [[nodiscard]] bool start(std::uint64_t host_save_area);
    /// Whether the VMRUN has ended. Waits some seconds for it, or some 50 ms if it should not.
    [[nodiscard]] bool wait_for_exit(bool expected) const;
    /// Whether the CPU got behind its STGI. As above.
    [[nodiscard]] bool wait_for_stgi(bool expected) const;
    /// Complete up to what has been waited for.
    [[nodiscard]] const Seen& seen() const { return seen_; }

private:
    enum Phase : std::uint32_t { before, exited, behind_stgi };

    static void run(void* self);
    [[nodiscard]] bool wait_for(Phase phase, bool expected) const;

    Arena& arena_;
    L1Mode
        l1_mode_; ///< The CPU that starts the other one knows in which form the nested tables are.
    std::uint64_t host_save_area_ = 0;
    Seen seen_{};
    std::uint32_t phase_ = before; ///< By __atomic builtins.
};

} // namespace vmrunit::guest
