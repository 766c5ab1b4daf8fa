// SPDX-License-Identifier: GPL-2.0-only
// When something in SVM exists or acts: which CPUID bits it needs and which enable bit of the VMCB
// switches it on. A field, an intercept and an exit code each carry one.
#pragma once

#include "harness/svm/features.hpp"

#include <concepts>
#include <cstdint>

namespace vmrunit::svm {

// The enable bit of the same VMCB without which the processor leaves the thing alone.
enum class Enable : std::uint8_t {
    always,
    nested_paging,
    lbr_virtualization,
    pmc_virtualization,
    ibs_virtualization,
};

struct Gate {
    Features all; // every one of these
    Features any; // and one of these, if there are any
    Enable enable = Enable::always;
    // CPUID does not settle it: no verdict may rest on the thing being there or not.
    bool undecided = false;

    constexpr bool met_by(const Features& features) const {
        return features.contains_all(all) && (any.empty() || features.contains_any(any));
    }
    constexpr bool operator==(const Gate&) const = default;
};

namespace gate {

inline constexpr Gate none{};
inline constexpr Gate model_dependent{.all = {}, .any = {}, .enable = {}, .undecided = true};

constexpr Gate needs(std::same_as<Feature> auto... features) {
    return {.all = {features...}, .any = {}};
}
constexpr Gate either(std::same_as<Feature> auto... features) {
    return {.all = {}, .any = {features...}};
}
constexpr Gate enabled(Enable enable, std::same_as<Feature> auto... features) {
    return {.all = {features...}, .any = {}, .enable = enable};
}

} // namespace gate

} // namespace vmrunit::svm
