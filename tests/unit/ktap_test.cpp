// SPDX-License-Identifier: GPL-2.0-only
// KTAP line for line: every verdict, hostile text, a run that was cut short.
#include "host_runner/report/ktap.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using samples::StringOutput;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// What a run of one case writes between the header and the totals.
std::string lines_of(const CaseResult& result, bool strict = false) {
    StringOutput output;
    KtapReporter ktap{output, true};
    RunInfo info = samples::run_info(1);
    info.strict = strict;
    ktap.run_started(info);
    output.text.clear();
    ktap.case_finished(result);
    return output.text;
}

TEST(Ktap, HeaderHasVersionAndPlanFirst) {
    StringOutput output;
    KtapReporter ktap{output, false};
    ktap.run_started(samples::run_info(12));
    EXPECT_EQ(output.text, "KTAP version 1\n1..12\n# vmrunit 0.1.0 on qemu (QEMU 7.2.22, TCG)\n");
}

TEST(Ktap, VersionIsLeftToTheOuterLevel) {
    StringOutput output;
    KtapReporter ktap{output, true};
    ktap.run_started(samples::run_info(12));
    EXPECT_THAT(output.text, StartsWith("1..12\n"));
}

TEST(Ktap, OneLinePerVerdict) {
    const auto line = [](Verdict verdict) {
        return lines_of(samples::with(verdict, "a/b/c", "why"));
    };
    EXPECT_EQ(lines_of(samples::passing("a/b/c")), "ok 1 a/b/c\n");
    EXPECT_EQ(line(Verdict::skip), "ok 1 a/b/c # SKIP why\n");
    EXPECT_EQ(line(Verdict::expected_fail), "ok 1 a/b/c # XFAIL why\n");
    EXPECT_EQ(line(Verdict::unexpected_pass), "# XPASS why\nok 1 a/b/c\n");
    EXPECT_EQ(line(Verdict::error), "# ERROR a/b/c on qemu (QEMU 7.2.22, TCG)\n#   why\n"
                                    "not ok 1 a/b/c # ERROR why\n");
    EXPECT_EQ(line(Verdict::fail), "# FAIL a/b/c on qemu (QEMU 7.2.22, TCG)\n#   why\n"
                                   "not ok 1 a/b/c\n");
}

TEST(Ktap, FlakyIsADiagnosticAndNotOkWhereStrict) {
    const auto flaky = samples::flaky("a/b/c");
    EXPECT_EQ(lines_of(flaky), "# FLAKY FAIL (save.rip), then PASS\nok 1 a/b/c\n");
    EXPECT_EQ(lines_of(flaky, true), "# FLAKY FAIL (save.rip), then PASS\nnot ok 1 a/b/c\n");
}

TEST(Ktap, UnexpectedPassIsNotOkWhereStrict) {
    EXPECT_EQ(lines_of(samples::with(Verdict::unexpected_pass, "a/b/c", "why"), true),
              "# XPASS why\nnot ok 1 a/b/c\n");
}

TEST(Ktap, HangIsATimeout) {
    CaseResult hang = samples::with(Verdict::fail, "a/b/c", "hang");
    hang.timed_out_after = std::chrono::milliseconds{2000};
    EXPECT_THAT(lines_of(hang), HasSubstr("not ok 1 a/b/c # TIMEOUT 2000 milliseconds\n"));
}

TEST(Ktap, FailureBlockStandsDirectlyBeforeItsResult) {
    EXPECT_THAT(lines_of(samples::failing("a/b/c")),
                HasSubstr("#   again: vmrunit run a/b/c --target qemu --seed 7\nnot ok 1 a/b/c\n"));
}

TEST(Ktap, GuestTextForgesNothing) {
    for (const Verdict verdict : {Verdict::fail, Verdict::skip, Verdict::error,
                                  Verdict::expected_fail, Verdict::unexpected_pass}) {
        CaseResult result = samples::failing("a/b/c");
        result.verdict = verdict;
        result.reason = samples::hostile;
        const std::string lines = lines_of(result);
        EXPECT_THAT(lines, Not(HasSubstr("\nok 99")));
        EXPECT_THAT(lines, Not(HasSubstr("\x1b")));
    }
    EXPECT_EQ(lines_of(samples::passing("a # SKIP b\nok 2 c")), "ok 1 a \\x23 SKIP b\\nok 2 c\n");
}

TEST(Ktap, NumbersGoOnByOneAndResultsComeAsTheyArrive) {
    StringOutput output;
    KtapReporter ktap{output, false};
    ktap.run_started(samples::run_info(2));
    ktap.case_finished(samples::passing("a"));
    EXPECT_THAT(output.text, testing::EndsWith("ok 1 a\n"));
    ktap.case_finished(samples::passing("b"));
    EXPECT_THAT(output.text, testing::EndsWith("ok 2 b\n"));
}

TEST(Ktap, WholeRunEndsWithTotals) {
    StringOutput output;
    KtapReporter ktap{output, false};
    samples::tell_run(ktap, samples::every_verdict());
    EXPECT_THAT(output.text,
                testing::EndsWith("# machine 1 died: triple fault\n"
                                  "# Totals: pass:2 fail:2 xfail:1 xpass:1 skip:1 error:1\n"));
    EXPECT_THAT(output.text, Not(HasSubstr("Bail out!")));
}

TEST(Ktap, CutShortBailsOut) {
    StringOutput output;
    KtapReporter ktap{output, false};
    ktap.run_started(samples::run_info(5));
    ktap.case_finished(samples::passing("a"));
    RunSummary summary = samples::summary_of({samples::passing("a")});
    summary.interrupted = true;
    ktap.run_finished(summary);
    EXPECT_THAT(output.text,
                testing::EndsWith("# 4 of 5 cases did not run\nBail out! interrupted\n"));
}

} // namespace
} // namespace vmrunit::runner
