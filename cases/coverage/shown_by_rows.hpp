// SPDX-License-Identifier: GPL-2.0-only
// Items that are sentences of the manual, each with the rows about it: what a rule says no write
// and no expectation tells. Rows that are renamed or removed uncover their items.
#pragma once

#include "cases/coverage/family.hpp"

#include "harness/svm/features.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

struct RowItem {
    std::string_view id; ///< Behind the family's name.
    std::string_view title;
    std::string_view manual;
    std::string_view rows{}; ///< Globs as is_one_of_rows() takes them; may be none.
    svm::Features needs{};
};

/// The case is one of the rows that globs name; with blanks between them.
[[nodiscard]] bool is_one_of_rows(const Case& one, std::string_view globs);

/// Globs with blanks between them, one by one.
[[nodiscard]] std::vector<std::string> each_glob(std::string_view globs);

/// Adds the items and their rows to the family, which must be named.
void add_items(CoverageFamily& family, std::span<const RowItem> items);

/// Those of the items whose rows the case is one of.
void covered_by_rows(std::string_view family, std::span<const RowItem> items, const Case& one,
                     const CoveredSink& covered);

} // namespace vmrunit::cases
