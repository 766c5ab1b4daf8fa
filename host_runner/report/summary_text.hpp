// SPDX-License-Identifier: GPL-2.0-only
// The end of a run in words: what was tested on what, how it ended, what is new, where the report
// is. And the text report, which is every failure block and this.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <cstddef>
#include <limits>
#include <string>

namespace vmrunit::runner {

struct SummaryLayout {
    std::size_t width = 100;
    bool colour = false;
    std::size_t most_names = std::numeric_limits<std::size_t>::max(); ///< Per list.
};

/// `record` has a summary.
[[nodiscard]] std::string summary_text(const RunRecord& record, const SummaryLayout& layout);

/// Its last line: verdict, counts, time.
[[nodiscard]] std::string result_line(const RunRecord& record, bool colour);

/// report.txt
[[nodiscard]] std::string text_report(const RunRecord& record);

} // namespace vmrunit::runner
