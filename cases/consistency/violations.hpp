// SPDX-License-Identifier: GPL-2.0-only
// One way to break each check of VMRUN, to be put together with something else. APM2 15.5.1.
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/l1_reach.hpp"

#include <string>
#include <vector>

namespace vmrunit::cases {

struct Violation {
    std::string name;
    std::vector<Step> steps;
    bool only_long_mode = false; ///< Outside it VMRUN does not mind.
    bool only_pae = false;       ///< Of tables that only an L2 with PAE and no nested paging has.
    bool only_nested = false;
    bool only_long64_l1 = false;
    bool is_event = false; ///< Two of these would be one field.
    svm::Features needs{};

    [[nodiscard]] L2Mode usual_mode() const { return only_pae ? L2Mode::pae : L2Mode::long64; }
    [[nodiscard]] bool exists_in(L2Mode mode) const {
        return only_pae ? mode == L2Mode::pae : !only_long_mode || is_long_mode(mode);
    }
    [[nodiscard]] L1Modes l1_modes() const {
        return only_long64_l1 ? only_l1_long64 : all_l1_modes;
    }
};

[[nodiscard]] const std::vector<Violation>& violations();

/// What a refusal stores besides its exit code nobody says; V_IRQ and V_TPR an exit may.
[[nodiscard]] ExitExpectation refusal();

} // namespace vmrunit::cases
