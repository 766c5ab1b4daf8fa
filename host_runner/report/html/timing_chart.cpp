// SPDX-License-Identifier: GPL-2.0-only
// See timing_chart.hpp.
#include "host_runner/report/html/timing_chart.hpp"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <map>

namespace vmrunit::runner::html {

using namespace std::chrono_literals;

std::string duration_text(std::chrono::nanoseconds time) {
    const auto number = static_cast<double>(time.count());
    if (time < 1ms) {
        return fmt::format("{:.1f} µs", number / 1e3);
    }
    return time < 1s ? fmt::format("{:.2f} ms", number / 1e6)
                     : fmt::format("{:.2f} s", number / 1e9);
}

std::vector<HistogramBar> duration_histogram(const RunRecord& record) {
    std::map<unsigned, std::size_t> counts; // By the exponent of the upper edge.
    for (const CaseResult& result : record.results) {
        const auto microseconds =
            std::chrono::duration_cast<std::chrono::microseconds>(result.duration).count();
        if (result.duration > 0ns) {
            ++counts[std::bit_width(static_cast<std::uint64_t>(std::max<long>(0, microseconds)))];
        }
    }
    std::vector<HistogramBar> bars;
    if (counts.empty()) {
        return bars;
    }
    for (unsigned edge = counts.begin()->first; edge <= counts.rbegin()->first; ++edge) {
        const auto lower = std::chrono::microseconds{edge == 0 ? 0 : 1L << (edge - 1)};
        const std::string label =
            edge == 0 ? std::string{"below 1 µs"} : fmt::format("from {}", duration_text(lower));
        bars.push_back({label, counts.contains(edge) ? counts[edge] : 0});
    }
    return bars;
}

std::vector<const CaseResult*> slowest_cases(const RunRecord& record, std::size_t most) {
    std::vector<const CaseResult*> cases;
    for (const CaseResult& result : record.results) {
        if (result.duration > 0ns) {
            cases.push_back(&result);
        }
    }
    std::ranges::stable_sort(cases, std::ranges::greater{}, &CaseResult::duration);
    cases.resize(std::min(most, cases.size()));
    return cases;
}

} // namespace vmrunit::runner::html
