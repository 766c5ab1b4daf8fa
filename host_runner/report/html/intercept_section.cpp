// SPDX-License-Identifier: GPL-2.0-only
// See intercept_section.hpp.
#include "host_runner/report/html/intercept_section.hpp"
#include "host_runner/report/html/verdict_class.hpp"
#include "host_runner/report/plain_text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner::html {
namespace {

using kainjow::mustache::data;

constexpr const char* intercept_section =
#include "host_runner/report/html/intercept_section.inc"
    ;

/// Colour is not enough: a sign says the same.
std::string cell_text(const VerdictCounts& counts, Verdict worst) {
    if (counts.total() == 0) {
        return {};
    }
    const auto of = [&](const char* sign, std::uint32_t count) {
        return count == counts.total() ? fmt::format("{} {}", sign, count)
                                       : fmt::format("{} {}/{}", sign, count, counts.total());
    };
    switch (worst) {
    case Verdict::fail:
    case Verdict::error:
        return of("✗", counts[Verdict::fail] + counts[Verdict::error]);
    case Verdict::expected_fail:
        return of("~", counts[Verdict::expected_fail]);
    case Verdict::pass:
    case Verdict::unexpected_pass:
        return of("✓", counts[Verdict::pass] + counts[Verdict::unexpected_pass]);
    case Verdict::skip:
        return of("–", counts[Verdict::skip]);
    }
    return {};
}

data bit_data(std::size_t bit, std::span<const RunRecord* const> records,
              const std::vector<InterceptCounts>& counts) {
    const svm::InterceptInfo& info = svm::intercept_table[bit];
    data cells{data::type::list};
    std::string hint = fmt::format("exit code {:#05x}, {}", bit, info.manual);
    for (std::size_t at = 0; at < counts.size(); ++at) {
        const VerdictCounts& cell = counts[at][bit];
        const Verdict worst = worst_of(cell);
        data one{data::type::object};
        one.set("kind", std::string{cell.total() == 0 ? "none" : class_of(worst)});
        one.set("text", cell_text(cell, worst));
        cells << one;
        hint += fmt::format("; {}: {} passed, {} failed, {} known deviations, {} skipped",
                            one_line(records[at]->info.target), cell[Verdict::pass],
                            cell[Verdict::fail] + cell[Verdict::error],
                            cell[Verdict::expected_fail], cell[Verdict::skip]);
    }
    data shown{data::type::object};
    shown.set("name", std::string{info.name});
    shown.set("hint", hint);
    shown.set("cells", cells);
    return shown;
}

} // namespace

void set_intercept_section(data& page, std::span<const RunRecord* const> runs,
                           const InterceptsOfCases& intercepts) {
    std::vector<InterceptCounts> counts;
    data columns{data::type::list};
    for (const RunRecord* run : runs) {
        counts.push_back(count_intercepts(*run, intercepts));
        data column{data::type::object};
        column.set("name", one_line(run->info.target));
        columns << column;
    }
    page.set("columns", columns);
    constexpr std::array titles{"CR accesses",    "DR accesses",    "Exceptions",
                                "Instructions 1", "Instructions 2", "Instructions 3"};
    data words{data::type::list};
    for (unsigned word = 0; word < titles.size(); ++word) {
        data bits{data::type::list};
        for (std::size_t bit = word * 32;
             bit < std::min<std::size_t>(word * 32 + 32, svm::intercept_count); ++bit) {
            bits << bit_data(bit, runs, counts);
        }
        data one{data::type::object};
        one.set("word", titles[word]);
        one.set("offset", fmt::format("{:03x}h", word * 4));
        one.set("bits", bits);
        words << one;
    }
    page.set("words", words);
    page.set("intercept_section",
             data{kainjow::mustache::partial{[] { return intercept_section; }}});
}

} // namespace vmrunit::runner::html
