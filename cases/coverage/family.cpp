// SPDX-License-Identifier: GPL-2.0-only
#include "cases/coverage/family.hpp"

#include <algorithm>

namespace vmrunit::cases {

namespace {

/// Only ever appended to, while the program's constants are constructed.
std::vector<FamilyFunction>& families() {
    static std::vector<FamilyFunction> list;
    return list;
}

std::vector<CoverageReason>& reasons() {
    static std::vector<CoverageReason> list;
    return list;
}

} // namespace

FamilyRegistration::FamilyRegistration(FamilyFunction family) {
    families().push_back(family);
}

std::vector<CoverageFamily> registered_families() {
    std::vector<CoverageFamily> made;
    for (const FamilyFunction family : families()) {
        made.push_back(family());
    }
    std::ranges::sort(made, {}, &CoverageFamily::name);
    return made;
}

ReasonRegistration::ReasonRegistration(std::span<const CoverageReason> added) {
    reasons().insert(reasons().end(), added.begin(), added.end());
}

std::span<const CoverageReason> coverage_reasons() {
    return reasons();
}

} // namespace vmrunit::cases
