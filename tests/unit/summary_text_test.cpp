// SPDX-License-Identifier: GPL-2.0-only
// The end of a run as people read it, word for word once, then what it must not leave out.
#include "host_runner/report/summary_text.hpp"
#include "tests/unit/report_samples.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(Summary, WordForWord) {
    RunRecord record = samples::record_of(samples::every_verdict());
    record.results[3].reason = "stream corrupt";
    record.summary->report_paths = {"/results/report.txt"};
    EXPECT_EQ(summary_text(record, {}), R"(
Skipped, by reason
      1  needs rdpru

Known deviations (XFAIL), by reason
      1  INT3 consults the INTn intercept

Passes although a deviation is expected (1)
    intercept/into/taken/cpl0  passes although ...

Stale baseline entries (1)
    baselines/qemu-tcg-7.2.toml:12  intercept/gone/*  names no case

Errors of the harness or its environment (1)
    intercept/hlt/taken/cpl0  stream corrupt

Failures (2)
    intercept/cpuid/next_rip/cpl0  next_rip, intercepts
    event/nmi/taken/cpl0  hang: no record in 2000 ms

  tested       qemu (QEMU 7.2.22, TCG)
               qemu.version: 7.2.22
               cpu.model: as the guest read it
  features     npt vgif nrips
  by           vmrunit 0.1.0, payload c0ffee, seed 7, baseline qemu-tcg-7.2
  masked       16 changed bytes in 2 cases not judged: undefined after their exits
  unconfirmed  1 case whose expectation no target has confirmed yet
  machines     2 started; 1 restart cost 0.40 s, waiting for 1 case that hung 2.00 s
  slowest      0.03 ms  intercept/cpuid/taken/cpl0
  report       /results/report.txt
FAIL  2 passed, 2 failed, 1 error, 1 known deviation (XFAIL), 1 unexpected pass (XPASS), 1 skipped: 8 of 8 cases in 2.50 s, 3 cases/s
)");
}

TEST(Summary, LastLineSaysHowItEnded) {
    const auto last_line = [](const RunRecord& record) {
        std::string text = summary_text(record, {});
        return text.substr(text.rfind('\n', text.size() - 2) + 1);
    };
    using samples::record_of;
    using samples::with;
    EXPECT_THAT(last_line(record_of({samples::passing("a")})),
                testing::StartsWith("PASS  1 passed, 0 failed: 1 of 1 cases"));
    EXPECT_THAT(last_line(record_of({with(Verdict::skip, "a", "why")})),
                testing::StartsWith("SKIP  0 passed, 0 failed, 1 skipped"));
    EXPECT_THAT(last_line(record_of({with(Verdict::error, "a", "why")})),
                testing::StartsWith("ERROR  0 passed, 0 failed, 1 error:"));
    EXPECT_THAT(last_line(record_of({})), testing::StartsWith("ERROR  0 passed"));

    RunRecord strict = record_of({with(Verdict::unexpected_pass, "a", "why")});
    EXPECT_THAT(last_line(strict), testing::StartsWith("PASS"));
    strict.info.strict = true;
    EXPECT_THAT(last_line(strict), testing::StartsWith("FAIL"));

    RunRecord interrupted = record_of({samples::passing("a")});
    interrupted.info.cases = 3;
    interrupted.summary->interrupted = true;
    EXPECT_THAT(summary_text(interrupted, {}),
                HasSubstr("  interrupted; 2 of 3 cases did not run\nINTERRUPTED  1 passed"));
}

TEST(Summary, ReasonsAreGroupedAndTheMostFrequentComesFirst) {
    using samples::with;
    const RunRecord record = samples::record_of({with(Verdict::skip, "a", "needs one"),
                                                 with(Verdict::skip, "b", "needs two"),
                                                 with(Verdict::skip, "c", "needs two")});
    EXPECT_THAT(summary_text(record, {}), HasSubstr("      2  needs two\n      1  needs one\n"));
}

TEST(Summary, HowAMachineEndedDoesNotPartReasons) {
    CaseResult result;
    result.verdict = Verdict::expected_fail;
    std::vector<CaseResult> results;
    for (const char* rip : {"0x1000", "0x2000"}) {
        result.reason = fmt::format("it ends the VM (seen: triple fault: rip {})", rip);
        results.push_back(result);
    }
    EXPECT_THAT(summary_text(samples::record_of(results), {}),
                HasSubstr("      2  it ends the VM\n"));
}

TEST(Summary, FlakyCasesAreListedAndFailWhereStrict) {
    RunRecord record = samples::record_of({samples::passing("a/b/c"), samples::flaky("a/b/d")});
    const std::string text = summary_text(record, {});
    EXPECT_THAT(text, HasSubstr("\nFlaky: another verdict when run again (1)\n"
                                "    a/b/d  FAIL (save.rip), then PASS\n"));
    EXPECT_THAT(text, HasSubstr("\nPASS  2 passed, 0 failed, 1 flaky: 2 of 2 cases"));
    record.info.strict = true;
    EXPECT_THAT(summary_text(record, {}), HasSubstr("\nFAIL  2 passed, 0 failed, 1 flaky"));
}

TEST(Summary, LongListsAreCut) {
    std::vector<CaseResult> results;
    results.reserve(50);
    for (int at = 0; at < 50; ++at) {
        results.push_back(samples::with(Verdict::fail, "a/" + std::to_string(at), "why"));
    }
    const std::string text = summary_text(samples::record_of(results), {.most_names = 10});
    EXPECT_THAT(text, HasSubstr("Failures (50)\n    a/0  why\n"));
    EXPECT_THAT(text, HasSubstr("    a/9  why\n    ... and 40 more, in the report\n"));
}

TEST(Summary, TroublesAreShown) {
    RunRecord record = samples::record_of({samples::passing("a")});
    record.summary->troubles = {{"cannot write r.xml: No space left on device", "make room"}};
    EXPECT_THAT(summary_text(record, {}),
                HasSubstr("  trouble  cannot write r.xml: No space left on device: make room\n"));
}

TEST(Summary, NothingHostileGetsThrough) {
    RunRecord record = samples::record_of(samples::every_verdict());
    record.info.features = {samples::hostile};
    record.info.facts = {{samples::hostile, samples::hostile}};
    for (CaseResult& result : record.results) {
        result.name = result.reason = samples::hostile;
    }
    for (const char c : summary_text(record, {}) + text_report(record)) {
        ASSERT_TRUE(c == '\n' || (c >= ' ' && c < '\x7f')) << static_cast<int>(c);
    }
}

TEST(TextReport, HasEveryBlockAndTheSummary) {
    const std::string text = text_report(samples::record_of(samples::every_verdict()));
    EXPECT_THAT(text, testing::StartsWith(
                          "vmrunit 0.1.0 on qemu (QEMU 7.2.22, TCG), 2001-09-09T01:46:40Z\n"));
    EXPECT_THAT(text, HasSubstr("command: vmrunit run\n"));
    EXPECT_THAT(text, HasSubstr("machine 1 died in event/nmi/taken/cpl0: triple fault\n"));
    EXPECT_THAT(text, HasSubstr("\nFAIL intercept/cpuid/next_rip/cpl0 on qemu"));
    EXPECT_THAT(text, HasSubstr("\nERROR intercept/hlt/taken/cpl0 on qemu"));
    EXPECT_THAT(text, HasSubstr("\nXFAIL intercept/int3/taken/cpl0 on qemu"));
    EXPECT_THAT(text, Not(HasSubstr("\nPASS ")));
    EXPECT_THAT(text, HasSubstr("\nThe machine this ran on\n    kernel.release: 6.1.0\n"));
    EXPECT_THAT(text, EndsWith("8 of 8 cases in 2.50 s, 3 cases/s\n"));
}

TEST(TextReport, OfACrashedRunDoesWithoutSummary) {
    RunRecord record = samples::record_of({samples::failing("a/b/c")});
    record.summary.reset();
    EXPECT_THAT(text_report(record), HasSubstr("\nFAIL a/b/c on qemu"));
}

} // namespace
} // namespace vmrunit::runner
