// SPDX-License-Identifier: GPL-2.0-only
// What the specification has, item by item, and which of it a case shows. A family is one kind of
// item (intercept bits, exit codes, ...) with a rule that says of any case which items it covers:
// so nobody keeps an index by hand, and a row that is removed uncovers what it covered.
//
// A family registers itself from its own file, as tables do. Items that no case covers need a line
// in reasons.inc.
#pragma once

#include "cases/model/case.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

/// What the processor does to bytes of the VMCB.
enum class VmcbUse : std::uint8_t { loaded, stored, checked, left_alone };

/// Bytes of the VMCB that an item is about.
struct VmcbBytes {
    std::uint16_t offset = 0;
    std::uint16_t count = 0;
    VmcbUse use = VmcbUse::loaded;
};

struct CoverageItem {
    std::string id;    ///< "intercept/cpuid/taken": the family's name first. [a-z0-9_/.]
    std::string title; ///< One line for people.
    std::string manual;
    /// Where the item stands for bits of a word: the word's name, and the lowest bit. Several items
    /// may stand for the same bit. Empty: for none.
    std::string word{};
    unsigned bit = 0; ///< 0 to 63.
    /// A CPU without these leaves it undefined, so what passes there has not shown it.
    svm::Features needs{};
    unsigned bits = 1; ///< How many of the word it stands for.
    std::vector<VmcbBytes> vmcb{};
};

/// Called with the id of each item that a case covers; may be called twice with the same.
using CoveredSink = std::function<void(std::string_view id)>;

struct CoverageFamily {
    std::string name;  ///< "intercept"
    std::string title; ///< "Intercept bits"
    std::vector<CoverageItem> items;
    /// What of it a case covers, besides what the case says itself (Case::covers).
    std::function<void(const Case& one, const CoveredSink& covered)> rule;
    /// Globs by which the rule knows rows, as row_matches() takes them: each must name a case, or a
    /// row that has gone would not be missed where an item has others.
    std::vector<std::string> rows{};
};

/// Why items have no case.
struct CoverageReason {
    std::string_view items; ///< Glob over ids.
    std::string_view reason;
    unsigned line; ///< In reasons.inc.
};

using FamilyFunction = CoverageFamily (*)();

/// A family of this program; make it a constant at namespace scope.
struct FamilyRegistration {
    explicit FamilyRegistration(FamilyFunction family);
};

/// Reasons of this program; likewise.
struct ReasonRegistration {
    explicit ReasonRegistration(std::span<const CoverageReason> reasons);
};

/// Every registered family, in the order of their names.
[[nodiscard]] std::vector<CoverageFamily> registered_families();

/// Every registered reason.
[[nodiscard]] std::span<const CoverageReason> coverage_reasons();

} // namespace vmrunit::cases
