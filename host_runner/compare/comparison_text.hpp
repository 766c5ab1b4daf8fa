// SPDX-License-Identifier: GPL-2.0-only
// A comparison of two runs in words: for a terminal, and as Markdown for a pull request.
#pragma once

#include "host_runner/compare/comparison.hpp"

#include <cstddef>
#include <string>

namespace vmrunit::runner {

struct ComparisonLayout {
    std::size_t width = 100;
    bool colour = false;
    bool strict = false;        ///< As the exit status takes it: see Comparison::regressed.
    std::size_t most_names = 5; ///< Shown of each group.
};

/// "2 new failures, 1 fixed; 8875 of 8878 unchanged"
[[nodiscard]] std::string comparison_headline(const Comparison& comparison);

/// Groups, then one line that says whether something is worse.
[[nodiscard]] std::string comparison_text(const Comparison& comparison,
                                          const ComparisonLayout& layout);

/// GitHub's Markdown, which GitLab reads too. Of each group at most `most_names` names.
[[nodiscard]] std::string comparison_markdown(const Comparison& comparison,
                                              const ComparisonLayout& layout);

} // namespace vmrunit::runner
