// SPDX-License-Identifier: GPL-2.0-only
// See line_reporter.hpp.
#include "host_runner/report/line_reporter.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace vmrunit::runner {
namespace {

bool fails(const CaseResult& result, bool strict) {
    return result.verdict == Verdict::fail || result.verdict == Verdict::error ||
           (strict && (result.verdict == Verdict::unexpected_pass || result.flaky()));
}

/// A name without blanks and slashes.
std::string lava_id(std::string_view name) {
    std::string id = one_line(name);
    std::ranges::replace_if(
        id, [](char c) { return c == '/' || c == ' ' || c == '<' || c == '>'; }, '.');
    return id;
}

std::string lava_head(const RunInfo& info) {
    return fmt::format("<LAVA_SIGNAL_TESTSET START vmrunit.{}>\n", lava_id(info.target));
}

std::string lava_line(const CaseResult& result, bool strict) {
    // LAVA has four words: what we could not find out is "unknown", a known deviation "skip".
    std::string_view word = "pass";
    if (result.verdict == Verdict::error) {
        word = "unknown";
    } else if (fails(result, strict)) {
        word = "fail";
    } else if (result.verdict == Verdict::skip || result.verdict == Verdict::expected_fail) {
        word = "skip";
    }
    const double microseconds = std::chrono::duration<double, std::micro>(result.duration).count();
    // No signal can say it, so it is a line of the log; nothing in it may look like a signal.
    std::string flaky =
        result.flaky() ? fmt::format("FLAKY {}: {}\n", lava_id(result.name), attempts_text(result))
                       : std::string{};
    std::ranges::replace(flaky, '<', '(');
    return flaky + fmt::format("<LAVA_SIGNAL_TESTCASE TEST_CASE_ID={} RESULT={} MEASUREMENT={:.1f} "
                               "UNITS=us>\n",
                               lava_id(result.name), word, microseconds);
}

std::string lava_tail(const RunSummary& /*summary*/, bool /*strict*/) {
    return "<LAVA_SIGNAL_TESTSET STOP>\n";
}

std::string kut_line(const CaseResult& result, bool strict) {
    std::string_view word = to_string(result.verdict);
    if (fails(result, strict)) {
        word = "FAIL";
    }
    const std::string reason =
        result.flaky() ? "FLAKY: " + attempts_text(result) : short_reason(result);
    return fmt::format("{}: {}{}{}\n", word, one_line(result.name), reason.empty() ? "" : ": ",
                       reason);
}

std::string kut_tail(const RunSummary& summary, bool strict) {
    const VerdictCounts& counts = summary.counts;
    const std::uint32_t unexpected = counts[Verdict::fail] + counts[Verdict::error] +
                                     (strict ? counts[Verdict::unexpected_pass] + counts.flaky : 0);
    const auto part = [](std::uint32_t count, std::string_view words) {
        return count == 0 ? std::string{} : fmt::format(", {} {}", count, words);
    };
    const std::string skipped = part(counts[Verdict::skip], "skipped");
    std::string text = fmt::format("SUMMARY: {} tests", counts.total());
    text += part(unexpected, unexpected == 1 ? "unexpected failure" : "unexpected failures");
    text += part(counts[Verdict::expected_fail], "expected failures") + skipped + "\n";
    const bool all_skipped = counts.total() == counts[Verdict::skip];
    const std::string_view verdict = unexpected != 0 || summary.interrupted ? "FAIL"
                                     : all_skipped                          ? "SKIP"
                                                                            : "PASS";
    return text + fmt::format("{} vmrunit ({} tests{}{})\n", verdict, counts.total(),
                              part(unexpected, "unexpected failures"), skipped);
}

} // namespace

const LineFormat lava_signals{lava_head, lava_line, lava_tail};
const LineFormat kvm_unit_tests_lines{[](const RunInfo&) { return std::string{}; }, kut_line,
                                      kut_tail};

} // namespace vmrunit::runner
