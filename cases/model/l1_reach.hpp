// SPDX-License-Identifier: GPL-2.0-only
// What a 32-bit L1 can give L2 and see of it. It runs L2 in every mode (spec: L1-32), but of the
// general registers that are not in the VMCB it has the lower halves of the first eight.
#pragma once

#include "cases/model/case.hpp"

namespace vmrunit::cases {

/// Which L1 modes a row runs under, where what it needs is in L1's reach.
struct L1Modes {
    bool long64 = true, pae = true, legacy = true;
    [[nodiscard]] constexpr bool contains(L1Mode mode) const {
        const bool in[l1_mode_count] = {long64, pae, legacy};
        return in[static_cast<unsigned>(mode)];
    }
};
inline constexpr L1Modes all_l1_modes{};
/// For rows about what only a 64-bit L1 can set up.
inline constexpr L1Modes only_l1_long64{true, false, false};
[[nodiscard]] constexpr L1Modes only(L1Mode mode) {
    return {mode == L1Mode::long64, mode == L1Mode::pae, mode == L1Mode::legacy};
}

template<class Visit>
void each_l1_mode(const L1Modes& modes, Visit&& visit) {
    for (const L1Mode mode : {L1Mode::long64, L1Mode::pae, L1Mode::legacy}) {
        if (modes.contains(mode)) {
            visit(mode);
        }
    }
}

/// Whether L1, in the mode of the case, can carry it out. Nothing may write nested tables of a form
/// that is not L1's. Under a 32-bit L1 nothing may need R8 to R15, the upper half of a register of
/// 64-bit code, or an address above 4 GiB in L1's own registers.
[[nodiscard]] bool in_reach_of_l1(const Case& one);

/// 64-bit L2 gets general registers from a 32-bit L1, and begins with clearing their upper halves,
/// of which L1 can say nothing. APM1 3.1.2.
[[nodiscard]] bool clears_upper_halves(const Case& one);

/// A write of `value` to the VMCB's RIP: where that is, with what it clears before.
[[nodiscard]] Value entry_of(const Case& one, const Value& value);

} // namespace vmrunit::cases
