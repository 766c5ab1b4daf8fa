// SPDX-License-Identifier: GPL-2.0-only
// All reports of a run together: what ends up where, and what a full disk does to it.
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/report_set.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;
using samples::content_of;
using samples::ScratchFolder;
using testing::HasSubstr;

ReportOptions options_in(const fs::path& folder) {
    ReportOptions options;
    options.runs_folder = folder / "runs";
    options.colour = ColourMode::never;
    return options;
}

TEST(ReportSet, LeavesAFolderThatTellsTheWholeRun) {
    const ScratchFolder folder;
    auto reports = ReportSet::open(options_in(folder.path), "qemu");
    ASSERT_TRUE(reports) << reports.error().line();
    const auto results = samples::every_verdict();
    testing::internal::CaptureStdout();
    samples::tell_run(**reports, results);
    const std::string console = testing::internal::GetCapturedStdout();

    const fs::path run = (*reports)->folder();
    EXPECT_THAT(content_of(run / "report.txt"), HasSubstr("FAIL intercept/cpuid/next_rip/cpl0 on"));
    EXPECT_THAT(content_of(run / "results.json"), HasSubstr("\"schema_version\": 1"));
    const auto record = read_journal(run / "results.jsonl");
    ASSERT_TRUE(record) << record.error().line();
    EXPECT_EQ(record->results.size(), results.size());
    EXPECT_EQ(json_report(*record), content_of(run / "results.json"));
    EXPECT_THAT(console, HasSubstr("report       " + (run / "report.txt").string()));
    EXPECT_EQ((*reports)->trouble(), std::nullopt);
    EXPECT_EQ(std::distance(fs::directory_iterator{run}, fs::directory_iterator{}), 3);
}

TEST(ReportSet, WhatNeverStartedLeavesNoFolder) {
    const ScratchFolder folder;
    ASSERT_TRUE(ReportSet::open(options_in(folder.path), "qemu"));
    EXPECT_TRUE(fs::is_empty(folder.path / "runs"));
}

TEST(ReportSet, ResultsAreOnDiskAsTheyArrive) {
    const ScratchFolder folder;
    ReportOptions options = options_in(folder.path);
    options.ktap = (folder.path / "out.ktap").string();
    auto reports = ReportSet::open(options, "qemu");
    ASSERT_TRUE(reports);
    testing::internal::CaptureStdout();
    (*reports)->run_started(samples::run_info(2));
    (*reports)->case_started("a/b/c");
    (*reports)->case_finished(samples::passing("a/b/c"));
    testing::internal::GetCapturedStdout();
    EXPECT_THAT(content_of(options.ktap), testing::EndsWith("ok 1 a/b/c\n"));
    EXPECT_THAT(content_of((*reports)->folder() / "results.jsonl"),
                HasSubstr(R"({"type":"result","name":"a/b/c","verdict":"PASS")"));
}

TEST(ReportSet, OnStandardOutputAFormatIsAlone) {
    for (const auto format : {&ReportOptions::ktap, &ReportOptions::junit, &ReportOptions::json}) {
        const ScratchFolder folder;
        ReportOptions options = options_in(folder.path);
        options.*format = "-";
        auto reports = ReportSet::open(options, "qemu");
        ASSERT_TRUE(reports);
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        samples::tell_run(**reports, samples::every_verdict());
        const std::string out = testing::internal::GetCapturedStdout();
        const std::string console = testing::internal::GetCapturedStderr();
        EXPECT_THAT(out, testing::AnyOf(testing::StartsWith("KTAP version 1\n"),
                                        testing::StartsWith("1..8\n"), testing::StartsWith("<?xml"),
                                        testing::StartsWith("{")));
        EXPECT_THAT(out, testing::Not(HasSubstr("vmrunit 0.1.0: 8 cases")));
        EXPECT_THAT(console, HasSubstr("vmrunit 0.1.0: 8 cases"));
    }
}

TEST(ReportSet, RefusesBadDestinationsBeforeTheRun) {
    const ScratchFolder folder;
    ReportOptions options = options_in(folder.path);
    EXPECT_EQ(ReportSet::bad_destination(options), std::nullopt);
    options.ktap = options.junit = "-";
    const auto twice = ReportSet::open(options, "qemu");
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().what, "two reports cannot both go to standard output");
    options.ktap = options.junit = (folder.path / "same").string();
    ASSERT_TRUE(ReportSet::bad_destination(options));
    EXPECT_EQ(ReportSet::bad_destination(options)->what,
              "two reports cannot both go to " + options.ktap);

    options = options_in(folder.path);
    options.json = (folder.path / "missing/r.json").string();
    const auto missing = ReportSet::open(options, "qemu");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().what, HasSubstr("missing/r.json"));
    EXPECT_FALSE(fs::exists(folder.path / "runs")) << "a refused run leaves no folder";
}

TEST(ReportSet, AFullDiskIsOneLineAndLosesNothingElse) {
    for (const auto format : {&ReportOptions::ktap, &ReportOptions::junit, &ReportOptions::json}) {
        const ScratchFolder folder;
        ReportOptions options = options_in(folder.path);
        options.*format = "/dev/full";
        auto reports = ReportSet::open(options, "qemu");
        ASSERT_TRUE(reports);
        testing::internal::CaptureStdout();
        samples::tell_run(**reports, samples::every_verdict());
        const std::string console = testing::internal::GetCapturedStdout();
        const std::string line = "vmrunit: cannot write /dev/full: No space left on device: ";
        ASSERT_THAT(console, HasSubstr(line));
        EXPECT_EQ(console.find(line), console.rfind(line)) << "once is enough";
        ASSERT_TRUE((*reports)->trouble());
        EXPECT_THAT((*reports)->trouble()->what, HasSubstr("No space left"));
        EXPECT_THAT(content_of((*reports)->folder() / "report.txt"), HasSubstr("8 of 8 cases"));
        const auto record = read_journal((*reports)->folder() / "results.jsonl");
        ASSERT_TRUE(record);
        EXPECT_EQ(record->results.size(), 8u);
    }
}

} // namespace
} // namespace vmrunit::runner
