// SPDX-License-Identifier: GPL-2.0-only
// See bisection.hpp.
#include "host_runner/bisect/bisection.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

/// From the log, or by a test whose answer goes into it.
Result<StepResult> ask(const BisectionInput& input, const Candidate& candidate) {
    if (const BisectLog::Entry* known = input.log.find(candidate.id)) {
        return StepResult{known->answer, known->why.empty() ? "known from the log"
                                                            : known->why + " (from the log)"};
    }
    const auto start = std::chrono::steady_clock::now();
    auto result = input.test(candidate);
    if (!result) {
        return result;
    }
    result->took = std::chrono::steady_clock::now() - start;
    const bool skip = result->answer == Answer::skip;
    if (auto kept = input.log.add(candidate.id, {result->answer, skip ? result->text : ""});
        !kept) {
        return tl::unexpected(kept.error());
    }
    return result;
}

void tell_answer(const BisectionInput& input, const StepResult& result) {
    const std::string took =
        result.took ? fmt::format("  ({:.1f} s)", result.took->count()) : std::string{};
    input.tell(fmt::format("           {}: {}{}", to_string(result.answer), result.text, took));
}

Result<void> verify_end(const BisectionInput& input, const Candidate& end, Answer called) {
    input.tell(fmt::format("{} end   {}", to_string(called), end.title));
    const auto result = ask(input, end);
    if (!result) {
        return tl::unexpected(result.error());
    }
    tell_answer(input, *result);
    if (result->answer == called) {
        return {};
    }
    const std::string what =
        fmt::format("{} was called {} and is {}", end.title, to_string(called),
                    result->answer == Answer::skip   ? "not to be tested: " + result->text
                    : result->answer == Answer::good ? "good"
                                                     : "bad");
    return failure(what, result->answer == Answer::skip
                             ? "mend that and add --restart, or take a neighbour for this end"
                             : fmt::format("take another version for --{}", to_string(called)));
}

} // namespace

Result<Finding> bisect(const BisectionInput& input) {
    if (auto right = verify_end(input, input.search.good_end(), Answer::good); !right) {
        return tl::unexpected(right.error());
    }
    if (auto right = verify_end(input, input.search.bad_end(), Answer::bad); !right) {
        return tl::unexpected(right.error());
    }
    if (auto ready = input.search.begin(); !ready) {
        return tl::unexpected(ready.error());
    }
    for (unsigned step = 1;; ++step) {
        auto next = input.search.next();
        if (!next) {
            return tl::unexpected(next.error());
        }
        if (!*next) {
            return input.search.finding();
        }
        const Candidate& candidate = **next;
        const std::size_t left = input.search.steps_left();
        input.tell(fmt::format("step {:<5} {}  (about {} to go)", step, candidate.title, left));
        const auto result = ask(input, candidate);
        if (!result) {
            return tl::unexpected(result.error());
        }
        tell_answer(input, *result);
        if (auto told = input.search.tell(candidate, result->answer); !told) {
            return tl::unexpected(told.error());
        }
    }
}

} // namespace vmrunit::runner
