// SPDX-License-Identifier: GPL-2.0-only
// The failure block, word for word.
#include "host_runner/report/text_failure.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string subject = "qemu (QEMU 7.2.22, TCG)";

TEST(FailureBlock, ReadsLikeASmallReport) {
    CaseResult result = samples::failing("intercept/cpuid/next_rip/cpl0");
    result.guest_log = {"entering L2", "about to\texit"};
    EXPECT_EQ(failure_block(result, subject, {.width = 80}),
              R"(FAIL intercept/cpuid/next_rip/cpl0 on qemu (QEMU 7.2.22, TCG)          APM2 15.9
  field       expected            actual
  exit_code   0x072 cpuid         0x072 cpuid
  next_rip    0x0000000000200002  0x0000000000000000   <--
  intercepts  0x00040000          0x01000000           <--  -cpuid +hlt
  L2  200000: 0f a2     cpuid    <-- rip
      200002: 0f 01 d9  vmmcall
  guest: entering L2
  guest: about to\texit
  masked: 8 changed bytes that this exit leaves undefined
  row: cases/intercept/cpuid.cpp:41
  again: vmrunit run intercept/cpuid/next_rip/cpl0 --target qemu --seed 7
)");
}

TEST(FailureBlock, NarrowPlacesGetExpectedAboveActual) {
    CaseResult result = samples::failing("a/b/c");
    result.fields = {{"save.reserved", std::string(40, '0'), std::string(40, 'f'), "", false}};
    EXPECT_THAT(failure_block(result, subject, {.width = 80}),
                HasSubstr("  save.reserved   <--\n"
                          "    expected 0000000000000000000000000000000000000000\n"
                          "    actual   ffffffffffffffffffffffffffffffffffffffff\n"));
}

TEST(FailureBlock, ADeathHasOnlyItsReason) {
    EXPECT_EQ(failure_block(samples::with(Verdict::fail, "a/b/c", "triple fault"), subject, {}),
              "FAIL a/b/c on qemu (QEMU 7.2.22, TCG)\n  triple fault\n");
}

TEST(FailureBlock, LimitsKeepWhatDiffersAndTheLastWords) {
    CaseResult result = samples::failing("a/b/c");
    result.guest_log = {"one", "two", "three"};
    const std::string block =
        failure_block(result, subject, {.most_fields = 2, .most_log_lines = 1});
    EXPECT_THAT(block, Not(HasSubstr("exit_code"))) << "equal, so the first to go";
    EXPECT_THAT(block, HasSubstr("next_rip"));
    EXPECT_THAT(block, HasSubstr("intercepts"));
    EXPECT_THAT(block, HasSubstr("... and 1 more fields, in the report\n"));
    EXPECT_THAT(block, HasSubstr("guest log: the last 1 of 3 lines\n  guest: three\n"));
    EXPECT_THAT(block, Not(HasSubstr("two")));
}

TEST(FailureBlock, UnconfirmedExpectationsSaySo) {
    CaseResult result = samples::failing("a/b/c");
    result.confirmed = false;
    EXPECT_THAT(failure_block(result, subject, {}),
                HasSubstr("unconfirmed: no target has confirmed this expectation yet\n"));
}

TEST(FailureBlock, NoEscapeSequenceComesFromOutside) {
    CaseResult result = samples::failing(samples::hostile);
    result.reason = result.manual = result.repeat_command = result.place.file = samples::hostile;
    result.fields = {
        {samples::hostile, samples::hostile, samples::hostile, samples::hostile, false}};
    result.code = {{1, samples::hostile, samples::hostile, samples::hostile}};
    for (const std::size_t width : {40, 4000}) {
        const std::string block = failure_block(result, subject, {.width = width});
        for (const char c : block) {
            EXPECT_TRUE(c == '\n' || (c >= ' ' && c < '\x7f')) << static_cast<int>(c);
        }
        EXPECT_THAT(block, Not(HasSubstr("\nok 99")));
    }
}

TEST(FailureBlock, ColourMarksTheVerdictAndWhatIsWrong) {
    const std::string block = failure_block(samples::failing("a/b/c"), subject, {.colour = true});
    EXPECT_THAT(block, HasSubstr("\x1b[31mFAIL\x1b[0m"));
    EXPECT_THAT(block, HasSubstr("\x1b[31m0x0000000000000000\x1b[0m"));
    EXPECT_THAT(block, Not(HasSubstr("\x1b[31m0x072")));
}

TEST(CaseLine, TellsAFlakyCaseByItsAttempts) {
    EXPECT_EQ(case_line(samples::flaky("a/b/c"), {}), "FLAKY  a/b/c  FAIL (save.rip), then PASS");
}

TEST(CaseLine, NamesTheReasonOrTheFields) {
    EXPECT_EQ(case_line(samples::with(Verdict::skip, "a/b/c", "needs rdpru"), {}),
              "SKIP   a/b/c  needs rdpru");
    EXPECT_EQ(case_line(samples::failing("a/b/c"), {}), "FAIL   a/b/c  next_rip, intercepts");
    EXPECT_EQ(case_line(samples::passing("a/b/c"), {}), "PASS   a/b/c");
}

} // namespace
} // namespace vmrunit::runner
