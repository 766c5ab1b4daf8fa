// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/result_files.hpp"

#include "host_runner/report/journal.hpp"
#include "host_runner/report/json_report.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::HasSubstr;

std::string journal_of(const std::vector<CaseResult>& results) {
    samples::StringOutput output;
    JournalWriter journal{output};
    samples::tell_run(journal, results);
    return output.text;
}

TEST(CoverageResultFiles, FolderJournalAndReportSayTheSame) {
    const auto results = samples::every_verdict();
    const samples::ScratchFolder folder;
    samples::put_file(folder.path / "results.jsonl", journal_of(results));
    samples::put_file(folder.path / "other.json", json_report(samples::record_of(results)));
    for (const auto& path :
         {folder.path, folder.path / "results.jsonl", folder.path / "other.json"}) {
        const auto read = target_results(path);
        ASSERT_TRUE(read) << read.error().line();
        EXPECT_EQ(read->target, "qemu");
        EXPECT_EQ(read->verdicts.size(), results.size());
        EXPECT_EQ(read->verdicts.at("intercept/rdpru/taken/cpl0"), Verdict::skip);
    }
}

TEST(CoverageResultFiles, WhatIsNoResultFileIsSaidInOneLine) {
    const samples::ScratchFolder folder;
    samples::put_file(folder.path / "wrong.json", "{\"a\": 1}");
    for (const auto& path :
         {folder.path, folder.path / "wrong.json", folder.path / "absent.json"}) {
        const auto read = target_results(path);
        ASSERT_FALSE(read) << path;
        EXPECT_EQ(read.error().line().find('\n'), std::string::npos) << read.error().line();
    }
}

TEST(CoverageResultFiles, TheNewestRunOfEachTargetCounts) {
    const samples::ScratchFolder folder;
    samples::put_file(folder.path / "20260101T000000Z-qemu-1" / "results.jsonl",
                      journal_of({samples::passing("a/b/old")}));
    samples::put_file(folder.path / "20260102T000000Z-qemu-1" / "results.jsonl",
                      journal_of({samples::passing("a/b/new")}));
    samples::put_file(folder.path / "20260103T000000Z-qemu-1" / "results.jsonl", "");
    const auto all = last_results(folder.path);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_TRUE(all[0].verdicts.contains("a/b/new"));
    EXPECT_FALSE(all[0].verdicts.contains("a/b/old"));
    EXPECT_TRUE(last_results(folder.path / "absent").empty());
}

} // namespace
} // namespace vmrunit::runner
