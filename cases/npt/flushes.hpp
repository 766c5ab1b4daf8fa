// SPDX-License-Identifier: GPL-2.0-only
// How L1 drops translations of L2's between two VMRUNs. APM2 15.16.
#pragma once

#include "cases/model/instruction_table.hpp"
#include "cases/model/second_run.hpp"

#include "harness/svm/vmcb_fields.hpp"

#include <string>
#include <vector>

namespace vmrunit::cases {

struct Flush {
    std::string name;
    Step step; ///< Behind one that clears TLB_CONTROL.
    svm::Features needs{};
};

inline const Flush flushes[] = {
    {"flush_all", vmcb_field(svm::field::tlb_control, 1)},
    {"flush_asid", vmcb_field(svm::field::tlb_control, 3), svm::Feature::flush_by_asid},
    // Nothing here is global.
    {"flush_not_global", vmcb_field(svm::field::tlb_control, 7), svm::Feature::flush_by_asid},
    // The first VMRUN dropped what other cases had by it.
    {"other_asid", vmcb_field(svm::field::guest_asid, 2)},
};

/// The second VMRUN, behind the flush; L2 begins there.
[[nodiscard]] inline std::vector<Step> run_behind(const Flush& flush, L2Mode mode,
                                                  Value from = at_start) {
    return join(fresh_directory_pointers(mode),
                {vmcb_field(svm::field::rip, from), vmcb_field(svm::field::tlb_control, 0),
                 flush.step, Run{}});
}

} // namespace vmrunit::cases
