// SPDX-License-Identifier: GPL-2.0-only
// How long cases took: a histogram with a bar for each power of two of microseconds, and the
// slowest ones.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace vmrunit::runner::html {

struct HistogramBar {
    std::string label; ///< "16 to 32 µs"
    std::size_t count = 0;
};

/// From the quickest case that took any time to the slowest; bars between them may be empty.
[[nodiscard]] std::vector<HistogramBar> duration_histogram(const RunRecord& record);

/// The slowest first.
[[nodiscard]] std::vector<const CaseResult*> slowest_cases(const RunRecord& record,
                                                           std::size_t most);

/// "25.0 µs", "1.25 ms", "3.10 s"
[[nodiscard]] std::string duration_text(std::chrono::nanoseconds time);

} // namespace vmrunit::runner::html
