// SPDX-License-Identifier: GPL-2.0-only
// Verdicts as pages show them: a class of the style sheet each, and which one stands for several.
#pragma once

#include "host_runner/verdict.hpp"

#include <array>
#include <string_view>

namespace vmrunit::runner::html {

inline constexpr std::array<std::string_view, 6> verdict_classes{"pass",  "fail",  "skip",
                                                                 "error", "known", "xpass"};

[[nodiscard]] constexpr std::string_view class_of(Verdict verdict) {
    return verdict_classes[static_cast<std::size_t>(verdict)];
}

/// Of the cases counted, what a reader must know first: wrong, known to be wrong, right, skipped.
[[nodiscard]] constexpr Verdict worst_of(const VerdictCounts& counts) {
    for (const Verdict verdict : {Verdict::fail, Verdict::error, Verdict::expected_fail,
                                  Verdict::unexpected_pass, Verdict::pass}) {
        if (counts[verdict] != 0) {
            return verdict;
        }
    }
    return Verdict::skip;
}

} // namespace vmrunit::runner::html
