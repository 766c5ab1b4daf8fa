// SPDX-License-Identifier: GPL-2.0-only
// Cases about what VMRUN and its kin do in L1, whatever L2 does: no axis but L1's
// own mode and, where a row is run with nested paging and without, that.
#pragma once

#include "cases/model/case.hpp"
#include "cases/model/catalogue.hpp"
#include "cases/model/l1_reach.hpp"

#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct L1Row {
    std::string_view name; ///< Without axes: "consistency/cr0/cd0_nw1".
    std::string_view title;
    std::string_view manual;
    svm::Features needs{};
    svm::Features without{}; ///< See Case::without.
    std::string_view program = "nothing";
    L2Mode mode = L2Mode::long64;
    bool nested_paging = false;
    /// Without: all, but only the 64-bit one where a routine is called, for not every image of the
    /// payload need have that. Less those out of whose reach it is.
    std::optional<L1Modes> l1_modes{};
    std::vector<Step> steps; ///< The run or call included.
    std::vector<Expectation> expectations;
    bool ends_machine = false; ///< See Case::ends_machine.
    unsigned vmruns = 1;       ///< See Case::vmruns.
    /// The name says whether paging is nested: for rows that are run both ways.
    bool named_by_paging = false;
    std::vector<InterceptUse> intercepts{};
    std::vector<std::string> covers{}; ///< See Case::covers.
};

void add_l1_case(Catalogue& catalogue, const L1Row& row,
                 const std::source_location& where = std::source_location::current());

/// What a routine reports is this number.
[[nodiscard]] CallExpectation::Reported reported(std::string what, std::uint64_t value);

} // namespace vmrunit::cases
