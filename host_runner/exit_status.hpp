// SPDX-License-Identifier: GPL-2.0-only
// What the process says to whoever started it. kselftest, `git bisect run` and Meson want different
// numbers for the same outcome; one table holds them. Never 0 unless something passed and nothing
// is wrong.
#pragma once

#include "host_runner/verdict.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vmrunit::runner {

enum class ExitStyle : std::uint8_t {
    kselftest, ///< The default: 0, 1, 4, 99, 64.
    bisect,    ///< 0 good, 1 bad, 125 cannot be tested.
    meson,     ///< 0, 1, 77, 99.
};

/// "kselftest", "bisect", "meson".
[[nodiscard]] std::optional<ExitStyle> exit_style_from(std::string_view word);

enum class RunOutcome : std::uint8_t {
    passed,
    flaky,       ///< Passed, but not at once.
    failed,      ///< The subject is wrong.
    skipped,     ///< Nothing of what was chosen applies here.
    broken,      ///< The harness or its environment is wrong, or a report could not be written.
    interrupted, ///< By Ctrl-C or SIGTERM.
    usage,       ///< The command line is wrong, or nothing matches its filter.
};

/// What an outcome depends on.
struct RunEnd {
    VerdictCounts counts;
    std::size_t planned = 0; ///< Verdicts that were to come.
    bool strict = false;     ///< An unexpected pass is a failure, and so is a flaky case.
    bool interrupted = false;
    bool report_trouble = false; ///< Something could not be written: Reporter::trouble().
};

[[nodiscard]] RunOutcome outcome_of(const RunEnd& end);

[[nodiscard]] int exit_status_of(RunOutcome outcome, ExitStyle style);

} // namespace vmrunit::runner
