// SPDX-License-Identifier: GPL-2.0-only
// Carries a bisection out: ends first, then step by step, with a log that survives an interrupt.
#pragma once

#include "host_runner/bisect/bisect_log.hpp"
#include "host_runner/bisect/search.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace vmrunit::runner {

/// What came of testing one candidate.
struct StepResult {
    Answer answer = Answer::skip;
    std::string text; ///< For the line of progress; of a skip the reason.
    /// Of the whole step, as `bisect` measured it; nothing for what the log knew.
    std::optional<std::chrono::duration<double>> took = std::nullopt;
};

struct BisectionInput {
    Search& search;
    BisectLog& log;
    /// Tests a candidate. An error ends the bisection without a word about the candidate: an
    /// interrupt, a full disk.
    std::function<Result<StepResult>(const Candidate&)> test;
    std::function<void(const std::string& line)> tell;
};

/// Fails if an end is not what it was called.
[[nodiscard]] Result<Finding> bisect(const BisectionInput& input);

} // namespace vmrunit::runner
