// SPDX-License-Identifier: GPL-2.0-only
// One way to break each check of VMRUN, to be put together with something else. APM2 15.5.1.
#pragma once

#include "cases/model/case.hpp"

#include <string>
#include <vector>

namespace vmrunit::cases {

struct Violation {
    std::string name;
    Step step;
    bool only_long_mode = false; ///< Outside it VMRUN does not mind.
    bool only_nested = false;
    bool only_long64_l1 = false;
    bool is_event = false; ///< Two of these would be one field.
};

[[nodiscard]] const std::vector<Violation>& violations();

/// What a refusal stores besides its exit code nobody says; V_IRQ and V_TPR an exit may.
[[nodiscard]] ExitExpectation refusal();

} // namespace vmrunit::cases
