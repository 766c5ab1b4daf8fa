// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/case.hpp"

namespace vmrunit::cases {

std::vector<Step> join(std::vector<Step> first, const std::vector<Step>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

bool expects_end(const Case& one) {
    return !one.expectations.empty() &&
           std::holds_alternative<EndExpectation>(one.expectations.back());
}

std::string full_name(std::string_view base, const Axes& axes, const L2Start& start) {
    std::string name{base};
    if (axes.l2_mode) {
        name += "/l2_";
        name += l2_mode_names[static_cast<unsigned>(start.mode)];
    }
    if (axes.cpl) {
        name += start.cpl == 3 ? "/cpl3" : "/cpl0";
    }
    if (axes.nested_paging) {
        name += start.nested_paging ? "/np1" : "/np0";
    }
    if (axes.l1_mode) {
        name += "/l1_";
        name += l1_mode_names[static_cast<unsigned>(start.l1)];
    }
    return name;
}

} // namespace vmrunit::cases
