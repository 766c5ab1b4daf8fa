// SPDX-License-Identifier: GPL-2.0-only
#include "cases/intrinsics/vmload_state.hpp"

#include "cases/model/instruction_table.hpp"

namespace vmrunit::cases {

std::vector<Step> set_vmload_state() {
    std::vector<Step> steps;
    for (const VmloadPart& part : vmload_parts) {
        steps.emplace_back(vmcb_field(part.place, part.value));
    }
    return steps;
}

} // namespace vmrunit::cases
