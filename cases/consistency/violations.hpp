// SPDX-License-Identifier: GPL-2.0-only
// One way to break each check of VMRUN, to be put together with something else. APM2 15.5.1.
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_reach.hpp"

#include <optional>
#include <string>
#include <vector>

namespace vmrunit::cases {

/// What it writes as a whole, so that the second of two would undo the first.
enum class WholeOf : std::uint8_t { nothing, event_injection, avic };

struct Violation {
    std::string name;
    std::vector<Step> steps;
    bool only_long_mode = false;       ///< Outside it VMRUN does not mind.
    std::optional<L2Mode> only_mode{}; ///< In others VMRUN does not mind.
    Paging paging = Paging::both;
    bool only_long64_l1 = false;
    WholeOf writes = WholeOf::nothing;
    svm::Features needs{};

    [[nodiscard]] L2Mode usual_mode() const { return only_mode.value_or(L2Mode::long64); }
    [[nodiscard]] bool exists_in(L2Mode mode) const {
        return only_mode ? mode == *only_mode : !only_long_mode || is_long_mode(mode);
    }
    [[nodiscard]] bool nested_paging() const { return paging == Paging::only_nested; }
    [[nodiscard]] bool is_event() const { return writes == WholeOf::event_injection; }
    [[nodiscard]] L1Modes l1_modes() const {
        return only_long64_l1 ? only_l1_long64 : all_l1_modes;
    }
};

[[nodiscard]] const std::vector<Violation>& violations();

/// What a refusal stores besides its exit code nobody says; V_IRQ and V_TPR an exit may.
[[nodiscard]] ExitExpectation refusal();

} // namespace vmrunit::cases
