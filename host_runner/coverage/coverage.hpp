// SPDX-License-Identifier: GPL-2.0-only
// What of the specification is covered: every item of the registered families with the cases that
// show it, or the reason why none does; and what came of those cases where results are at hand.
#pragma once

#include "cases/coverage/family.hpp"
#include "cases/model/catalogue.hpp"
#include "host_runner/verdict.hpp"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// Results of one run: which verdict each case got, and on what.
struct TargetResults {
    std::string target;
    std::map<std::string, Verdict, std::less<>> verdicts;
    std::vector<std::string> features{}; ///< Of its CPU as the guest read them.
};

struct ItemCoverage {
    const cases::CoverageItem* item = nullptr;
    std::vector<const cases::Case*> shown_by;
    std::string reason; ///< Why none shows it; empty where one does, or nobody wrote it.
    /// Of its cases, for each of the results, in their order.
    std::vector<VerdictCounts> verdicts;

    [[nodiscard]] bool missing() const { return shown_by.empty() && reason.empty(); }
    /// Some case passed on some target.
    [[nodiscard]] bool confirmed() const;
};

struct FamilyCoverage {
    const cases::CoverageFamily* family = nullptr;
    std::vector<ItemCoverage> items;
};

struct Coverage {
    std::vector<std::string> targets; ///< Of the results, in their order.
    std::vector<FamilyCoverage> families;
    /// What is wrong, one line each: an item with neither case nor reason, a reason for an item
    /// that has cases or does not exist, a case that covers an item that does not exist, a glob of
    /// a family that names no case.
    std::vector<std::string> problems;
};

/// `families` must outlive what is returned.
[[nodiscard]] Coverage measure_coverage(std::span<const cases::CoverageFamily> families,
                                        std::span<const cases::CoverageReason> reasons,
                                        const cases::Catalogue& catalogue,
                                        std::span<const TargetResults> results);

/// Cases that differ in their axes alone, as one glob: "intercept/cpuid/taken/*".
struct CaseGroup {
    std::string glob;
    std::size_t cases = 0;
};
[[nodiscard]] std::vector<CaseGroup> grouped(std::span<const cases::Case* const> cases);

} // namespace vmrunit::runner
