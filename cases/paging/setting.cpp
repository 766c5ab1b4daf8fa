// SPDX-License-Identifier: GPL-2.0-only
#include "cases/paging/setting.hpp"

#include "cases/model/instruction_table.hpp"
#include "cases/paging/own_tables.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <utility>

namespace vmrunit::cases {

namespace field = svm::field;
using svm::Feature;

std::vector<Step> steps_of(const Setting& setting, const L2Start& start) {
    std::vector<Step> steps;
    if (!setting.wp) {
        steps.emplace_back(vmcb_clear(field::cr0, svm::cr0::wp));
    }
    if (setting.smep) {
        steps.emplace_back(vmcb_set(field::cr4, svm::cr4::smep));
    }
    if (setting.smap) {
        steps.emplace_back(vmcb_set(field::cr4, svm::cr4::smap));
    }
    if (setting.ac) {
        steps.emplace_back(vmcb_set(field::rflags, svm::rflags::ac));
    }
    if (!setting.nxe) {
        steps.emplace_back(vmcb_clear(field::efer, svm::efer::nxe));
    }
    // The program, its stack and tables must be in its own reach.
    if (start.cpl == 0 && (setting.smep || setting.smap)) {
        for (Step& step : supervisor_programs(start.mode)) {
            steps.emplace_back(std::move(step));
        }
    }
    return steps;
}

svm::Features needs_for(const Setting& setting) {
    svm::Features needs;
    if (setting.smep) {
        needs.set(Feature::smep);
    }
    if (setting.smap) {
        needs.set(Feature::smap);
    }
    return needs;
}

} // namespace vmrunit::cases
