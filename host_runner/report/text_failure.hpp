// SPDX-License-Identifier: GPL-2.0-only
// A failure as a small report: what differs by field and bit name, the code around RIP, the last
// words of the guest, and the command that repeats it. Console, KTAP, JUnit and the text report all
// show this.
#pragma once

#include "host_runner/report/reporter.hpp"

#include <cstddef>
#include <limits>
#include <string>

namespace vmrunit::runner {

struct BlockLayout {
    std::size_t width = 100;
    bool colour = false;
    std::size_t most_fields = std::numeric_limits<std::size_t>::max();
    std::size_t most_log_lines = std::numeric_limits<std::size_t>::max();
};

/// "qemu (QEMU 7.2.22, TCG)"
[[nodiscard]] std::string subject_text(const RunInfo& info);

/// Lines, each ended by a newline. `subject` as above.
[[nodiscard]] std::string failure_block(const CaseResult& result, const std::string& subject,
                                        const BlockLayout& layout);

/// What one line can say of any verdict: "SKIP  name  reason". No newline.
[[nodiscard]] std::string case_line(const CaseResult& result, const BlockLayout& layout);

/// "FAIL (save.rip), then PASS": the attempts of a case that was retried. One harmless line; empty
/// if it was not.
[[nodiscard]] std::string attempts_text(const CaseResult& result);

/// The reason, or what differs if the judge gave none. One harmless line.
[[nodiscard]] std::string short_reason(const CaseResult& result);
/// The same of a known deviation without how its machine ended: what cases can be counted by, for
/// registers differ.
[[nodiscard]] std::string shared_reason(const CaseResult& result);

} // namespace vmrunit::runner
