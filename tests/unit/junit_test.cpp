// SPDX-License-Identifier: GPL-2.0-only
// JUnit: counts, the element of each verdict, escaping. That other programs read it is tested in
// tests/report.
#include "host_runner/report/junit.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string report_of(const CaseResult& result, bool strict = false) {
    RunRecord record = samples::record_of({result});
    record.info.strict = strict;
    return junit_report(record);
}

TEST(Junit, PassingRunWordForWord) {
    RunRecord record = samples::record_of({samples::passing("intercept/cpuid/taken/cpl0")});
    record.info.facts.clear();
    record.system.clear();
    EXPECT_EQ(junit_report(record),
              R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="vmrunit" tests="1" failures="0" errors="0" skipped="0" time="2.500000">
  <testsuite name="vmrunit on qemu" tests="1" failures="0" errors="0" skipped="0" time="2.500000" timestamp="2001-09-09T01:46:40Z">
    <properties>
      <property name="vmrunit.version" value="0.1.0"/>
      <property name="payload.build_id" value="c0ffee"/>
      <property name="target" value="qemu"/>
      <property name="subject" value="QEMU 7.2.22, TCG"/>
      <property name="baseline" value="qemu-tcg-7.2"/>
      <property name="seed" value="7"/>
      <property name="cpu.features" value="npt vgif nrips"/>
    </properties>
    <testcase name="intercept/cpuid/taken/cpl0" classname="intercept.cpuid" time="0.000025"/>
  </testsuite>
</testsuites>
)");
}

TEST(Junit, FailureErrorAndSkippedAreKeptApart) {
    const std::string report = junit_report(samples::record_of(samples::every_verdict()));
    EXPECT_THAT(report, HasSubstr(R"(tests="8" failures="2" errors="1" skipped="2" time)"));
    EXPECT_THAT(report, HasSubstr(R"(<skipped message="needs rdpru"/>)"));
    EXPECT_THAT(report,
                HasSubstr(R"(<skipped message="XFAIL: INT3 consults the INTn intercept"/>)"));
    EXPECT_THAT(report, HasSubstr(R"(<error message="stream corrupt: )"));
    EXPECT_THAT(report, HasSubstr(R"(<failure message="hang: no record in 2000 ms" type="FAIL">)"));
    EXPECT_THAT(report, HasSubstr("<system-out>XPASS: passes although ...</system-out>"));
}

TEST(Junit, FlakyIsSurefiresElementAndAFailureWhereStrict) {
    const auto flaky = samples::flaky("a/b/c");
    EXPECT_THAT(report_of(flaky), HasSubstr(R"(failures="0" errors="0" skipped="0")"));
    EXPECT_THAT(report_of(flaky),
                HasSubstr(R"(<flakyFailure message="FAIL (save.rip), then PASS" type="FLAKY"/>)"));
    EXPECT_THAT(report_of(flaky, true), HasSubstr(R"(failures="1" errors="0" skipped="0")"));
    EXPECT_THAT(report_of(flaky, true),
                HasSubstr(R"(<failure message="FAIL (save.rip), then PASS" type="FLAKY">)"));
}

TEST(Junit, FailureNamesItsFieldsAndPlace) {
    const std::string report = report_of(samples::failing("intercept/cpuid/next_rip/cpl0"));
    EXPECT_THAT(report, HasSubstr(R"(file="cases/intercept/cpuid.cpp" line="41")"));
    EXPECT_THAT(report, HasSubstr(R"(<failure message="next_rip, intercepts" type="FAIL">)"));
    EXPECT_THAT(report, HasSubstr("0x0000000000200002  0x0000000000000000"));
}

TEST(Junit, UnexpectedPassFailsWhereStrict) {
    const CaseResult result = samples::with(Verdict::unexpected_pass, "a/b/c", "why");
    EXPECT_THAT(report_of(result, false), HasSubstr(R"(failures="0")"));
    const std::string strict = report_of(result, true);
    EXPECT_THAT(strict, HasSubstr(R"(failures="1")"));
    EXPECT_THAT(strict, HasSubstr(R"(<failure message="why" type="XPASS">)"));
}

TEST(Junit, HostileTextStaysText) {
    CaseResult result = samples::failing("a/b\"/><c>");
    result.reason = samples::hostile;
    const std::string report = report_of(result);
    EXPECT_THAT(report, HasSubstr(R"(name="a/b&quot;/&gt;&lt;c&gt;")"));
    EXPECT_THAT(report, Not(HasSubstr("<x>")));
    EXPECT_THAT(report, Not(HasSubstr("]]>")));
    EXPECT_THAT(report, Not(HasSubstr("\x1b")));
    EXPECT_EQ(report.find('\0'), std::string_view::npos);
}

TEST(Junit, CasesThatDidNotRunAreAnError) {
    RunRecord record = samples::record_of({samples::passing("a/b/c")});
    record.info.cases = 5;
    record.summary->interrupted = true;
    const std::string report = junit_report(record);
    EXPECT_THAT(report, HasSubstr(R"(tests="2" failures="0" errors="1")"));
    EXPECT_THAT(report, HasSubstr(R"(<error message="interrupted; 4 of 5 cases did not run")"));
}

TEST(Junit, WithoutSummaryTheTimeIsThatOfTheCases) {
    RunRecord record = samples::record_of({samples::passing("a/b/c")});
    record.summary.reset();
    record.running = "a/b/d";
    record.info.cases = 2;
    const std::string report = junit_report(record);
    EXPECT_THAT(report, HasSubstr(R"(time="0.000025")"));
    EXPECT_THAT(report, HasSubstr("the runner ended in a/b/d; 1 of 2 cases did not run"));
}

} // namespace
} // namespace vmrunit::runner
