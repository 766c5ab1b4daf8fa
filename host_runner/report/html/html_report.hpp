// SPDX-License-Identifier: GPL-2.0-only
// A run, or the comparison of two, as one HTML file that needs nothing else: no request to
// anywhere, readable without JavaScript but for the list of all cases.
#pragma once

#include "cases/model/catalogue.hpp"
#include "host_runner/compare/comparison.hpp"
#include "host_runner/report/run_record.hpp"

#include <functional>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct HtmlInput {
    const RunRecord& record; ///< What the page is about.
    /// The columns of the map of intercepts; empty: the record alone.
    std::vector<const RunRecord*> columns;
    const Comparison* comparison = nullptr; ///< With what came before; may be absent.
    std::string comparison_title;           ///< "Since the previous run"
    const cases::Catalogue& catalogue;
    /// A case in words, for failures; may be empty.
    std::function<std::string(const cases::Case& subject)> definition;
    /// What a row's file is appended to for a link to it; empty: no links.
    std::string source_url;
};

[[nodiscard]] std::string html_report(const HtmlInput& input);

} // namespace vmrunit::runner
