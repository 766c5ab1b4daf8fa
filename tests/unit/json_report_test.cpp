// SPDX-License-Identifier: GPL-2.0-only
// The JSON report: what it says of a run, and that hostile text leaves it readable. The schema is
// applied in tests/report.
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/json_values.hpp"
#include "tests/unit/report_samples.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using namespace std::string_literals;

Json report_of(const RunRecord& record) {
    return Json::parse(json_report(record));
}

TEST(JsonReport, SaysWhatWasTestedOnWhat) {
    const Json json = report_of(samples::record_of(samples::every_verdict()));
    EXPECT_EQ(json.begin().key(), "schema_version");
    EXPECT_EQ(json["schema_version"], 1);
    EXPECT_EQ(json["tool"]["version"], "0.1.0");
    EXPECT_EQ(json["target"]["name"], "qemu");
    EXPECT_EQ(json["target"]["facts"]["qemu.version"], "7.2.22");
    EXPECT_EQ(json["target"]["facts"]["cpu.model"], "as the guest read it");
    EXPECT_EQ(json["target"]["features"], (Json{"npt", "vgif", "nrips"}));
    EXPECT_EQ(json["run"]["started"], "2001-09-09T01:46:40Z");
    EXPECT_EQ(json["run"]["complete"], true);
    EXPECT_EQ(json["system"]["kernel.release"], "6.1.0");
}

TEST(JsonReport, CountsEveryVerdict) {
    const Json summary = report_of(samples::record_of(samples::every_verdict()))["summary"];
    EXPECT_EQ(summary["total"], 8);
    EXPECT_EQ(summary["pass"], 2);
    EXPECT_EQ(summary["fail"], 2);
    EXPECT_EQ(summary["skip"], 1);
    EXPECT_EQ(summary["error"], 1);
    EXPECT_EQ(summary["xfail"], 1);
    EXPECT_EQ(summary["xpass"], 1);
    EXPECT_EQ(summary["unconfirmed"], 1);
    EXPECT_EQ(summary["masked_bytes"], 16);
    EXPECT_EQ(summary["restarts"], 1);
    EXPECT_DOUBLE_EQ(summary["restart_seconds"], 0.4);
    EXPECT_EQ(summary["stale"][0]["line"], 12);
}

TEST(JsonReport, AFailureHasItsFieldsCodeAndLog) {
    const Json result = report_of(samples::record_of({samples::failing("a/b/c")}))["results"][0];
    EXPECT_EQ(result["name"], "a/b/c");
    EXPECT_EQ(result["verdict"], "FAIL");
    EXPECT_EQ(result["exit_code"], "0x072");
    EXPECT_EQ(result["duration_ns"], 25000);
    EXPECT_EQ(result["fields"][2]["changed_bits"], "-cpuid +hlt");
    EXPECT_EQ(result["fields"][2]["matches"], false);
    EXPECT_EQ(result["code"][0]["address"], "0x200000");
    EXPECT_EQ(result["code"][0]["note"], "<-- rip");
    EXPECT_EQ(result["guest_log"][0], "entering L2");
    EXPECT_EQ(result["file"], "cases/intercept/cpuid.cpp");
    EXPECT_EQ(result["line"], 41);
}

TEST(JsonReport, KeepsHostileTextAndStaysValidUtf8) {
    CaseResult result = samples::failing("a/b/c");
    result.reason = samples::hostile;
    const Json json = report_of(samples::record_of({result}));
    EXPECT_EQ(json["results"][0]["reason"],
              "\x1b[2J\nok 99 forged\r]]></failure>&\"<x>\0\\xff\xc2\x9b"
              "\xe2\x80\xae\xe2\x80\xac"s);
}

TEST(JsonReport, LargeExitCodeKeepsAllItsBits) {
    CaseResult result = samples::passing("a/b/c");
    result.exit_code = ~std::uint64_t{0};
    const Json json = report_of(samples::record_of({result}));
    EXPECT_EQ(json["results"][0]["exit_code"], "0xffffffffffffffff");
}

TEST(JsonReport, AnInterruptedRunSaysSo) {
    RunRecord record = samples::record_of({samples::passing("a/b/c")});
    record.info.cases = 9;
    record.summary->interrupted = true;
    const Json json = report_of(record);
    EXPECT_EQ(json["run"]["complete"], false);
    EXPECT_EQ(json["run"]["why_incomplete"], "interrupted; 8 of 9 cases did not run");
}

} // namespace
} // namespace vmrunit::runner
