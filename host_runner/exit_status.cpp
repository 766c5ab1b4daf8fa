// SPDX-License-Identifier: GPL-2.0-only
// See exit_status.hpp.
#include "host_runner/exit_status.hpp"

#include <array>

namespace vmrunit::runner {
namespace {

// Interrupted is 128 + SIGINT everywhere: to a shell it is what Ctrl-C looks like, and
// `git bisect run` stops at 128 and above instead of drawing a conclusion.
// clang-format off
constexpr std::array<std::array<int, 3>, 7> table{{
    //               kselftest  bisect  meson
    /* passed      */ {{   0,      0,      0 }},
    /* flaky       */ {{   0,    125,      0 }},
    /* failed      */ {{   1,      1,      1 }},
    /* skipped     */ {{   4,    125,     77 }},
    /* broken      */ {{  99,    125,     99 }},
    /* interrupted */ {{ 130,    130,    130 }},
    /* usage       */ {{  64,    125,     99 }},
}};
// clang-format on

} // namespace

std::optional<ExitStyle> exit_style_from(std::string_view word) {
    if (word == "kselftest") {
        return ExitStyle::kselftest;
    }
    if (word == "bisect") {
        return ExitStyle::bisect;
    }
    if (word == "meson") {
        return ExitStyle::meson;
    }
    return std::nullopt;
}

RunOutcome outcome_of(const RunEnd& end) {
    const VerdictCounts& counts = end.counts;
    if (end.interrupted) {
        return RunOutcome::interrupted;
    }
    if (end.report_trouble) {
        return RunOutcome::broken;
    }
    if (counts[Verdict::fail] != 0 ||
        (end.strict && counts[Verdict::unexpected_pass] + counts.flaky != 0)) {
        return RunOutcome::failed;
    }
    if (counts[Verdict::error] != 0 || counts.total() < end.planned || counts.total() == 0) {
        return RunOutcome::broken;
    }
    if (counts[Verdict::skip] == counts.total()) {
        return RunOutcome::skipped;
    }
    return counts.flaky != 0 ? RunOutcome::flaky : RunOutcome::passed;
}

int exit_status_of(RunOutcome outcome, ExitStyle style) {
    return table[static_cast<std::size_t>(outcome)][static_cast<std::size_t>(style)];
}

} // namespace vmrunit::runner
