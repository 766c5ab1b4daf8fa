// SPDX-License-Identifier: GPL-2.0-only
// What L2 sets in CR0, CR4, EFER and RFLAGS that says what its page tables permit. APM2 5.6.
#pragma once

#include "cases/model/case.hpp"

#include "harness/fresh_vmcb.hpp"
#include "harness/svm/features.hpp"

#include <string_view>
#include <vector>

namespace vmrunit::cases {

/// How L2 runs, besides its mode; without anything said, as a fresh VMCB has it.
struct Setting {
    std::string_view name{};
    bool wp = true, smep = false, smap = false, ac = false, nxe = true;
};

/// With SMEP or SMAP L2's program, stack and tables are made the supervisor's, where L2 is one.
[[nodiscard]] std::vector<Step> steps_of(const Setting& setting, const L2Start& start);

/// What of it a CPU must have.
[[nodiscard]] svm::Features needs_for(const Setting& setting);

} // namespace vmrunit::cases
