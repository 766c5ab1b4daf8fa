// SPDX-License-Identifier: GPL-2.0-only
// The journal gives back what was written, also when the runner died in the middle of a line, and
// complains about anything else by line number.
#include "host_runner/report/journal.hpp"
#include "host_runner/report/json_report.hpp"
#include "host_runner/report/junit.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using samples::ScratchFolder;
using samples::StringOutput;
using testing::HasSubstr;

std::string journal_of(const std::vector<CaseResult>& results) {
    StringOutput output;
    JournalWriter journal{output};
    journal.set_system({{"kernel.release", "6.1.0"}});
    samples::tell_run(journal, results);
    return output.text;
}

Result<RunRecord> read_back(const std::string& text) {
    const ScratchFolder folder;
    samples::put_file(folder.path / "results.jsonl", text);
    return read_journal(folder.path / "results.jsonl");
}

std::string without_last_lines(std::string text, int count) {
    for (; count > 0; --count) {
        text.erase(text.rfind('\n', text.size() - 2) + 1);
    }
    return text;
}

TEST(Journal, MakesTheSameReportsAsTheRunItself) {
    const auto results = samples::every_verdict();
    const auto record = read_back(journal_of(results));
    ASSERT_TRUE(record) << record.error().line();
    EXPECT_EQ(json_report(*record), json_report(samples::record_of(results)));
    EXPECT_EQ(junit_report(*record), junit_report(samples::record_of(results)));
}

TEST(Journal, OneLinePerEventWhateverTheGuestSays) {
    const std::string text = journal_of(samples::every_verdict());
    // run, machine, subject, 8 times started and result, machine, summary
    EXPECT_EQ(std::ranges::count(text, '\n'), 3 + 16 + 2);
}

TEST(Journal, ACrashLosesNoVerdict) {
    const auto results = samples::every_verdict();
    const std::string whole = journal_of(results);
    // Without summary, death, result: the last case had started only.
    const auto record = read_back(without_last_lines(whole, 3));
    ASSERT_TRUE(record) << record.error().line();
    EXPECT_EQ(record->results.size(), results.size() - 1);
    EXPECT_EQ(record->running, results.back().name);
    EXPECT_EQ(record->why_incomplete(),
              "the runner ended in fields/tsc_offset/loaded; 1 of 8 cases did not run");
}

TEST(Journal, ACrashBeforeARetryLosesNoFailure) {
    StringOutput output;
    JournalWriter journal{output};
    const auto failure = samples::failing("a/b/c");
    journal.run_started(samples::run_info(2));
    journal.case_started(failure.name);
    journal.case_to_be_retried(failure);
    const auto crashed = read_back(output.text);
    ASSERT_TRUE(crashed) << crashed.error().line();
    ASSERT_EQ(crashed->results.size(), 1u);
    EXPECT_EQ(crashed->results[0].verdict, Verdict::fail);
    EXPECT_EQ(crashed->results[0].fields.size(), failure.fields.size());
    EXPECT_EQ(crashed->running, "");

    journal.case_finished(samples::flaky(failure.name));
    const auto retried = read_back(output.text);
    ASSERT_TRUE(retried) << retried.error().line();
    ASSERT_EQ(retried->results.size(), 1u);
    EXPECT_TRUE(retried->results[0].flaky());
    EXPECT_EQ(retried->results[0].attempts[0].reason, "save.rip");
}

TEST(Journal, EveryTruncationCanBeRead) {
    const std::string whole = journal_of({samples::passing("a/b/c"), samples::failing("a/b/d")});
    const std::size_t first_line = whole.find('\n') + 1;
    const ScratchFolder folder;
    const auto path = folder.path / "results.jsonl";
    for (std::size_t length = first_line; length <= whole.size(); length += 7) {
        samples::put_file(path, std::string_view{whole}.substr(0, length));
        const auto record = read_journal(path);
        ASSERT_TRUE(record) << length << ": " << record.error().line();
        EXPECT_LE(record->results.size(), 2u);
    }
}

TEST(Journal, ComplainsByLine) {
    const std::string whole = journal_of({samples::passing("a/b/c")});
    const std::string run_line = whole.substr(0, whole.find('\n') + 1);
    // clang-format off
    const std::vector<std::pair<std::string, std::string>> rows{
        {"",                                                     "it has no run"},
        {"{\"type\":\"run\"",                                    "it has no run"},
        {"not json\n",                                           ":1: not a vmrunit journal"},
        {"[1, 2]\n",                                             ":1: not a vmrunit journal"},
        {"{\"type\":\"result\"}\n",                              "must be the first"},
        {run_line + run_line,                                    ":2: not a vmrunit journal"},
        {run_line + "{\"type\":\"result\",\"name\":7}\n",        ":2: not a vmrunit journal"},
        {run_line + "{\"type\":\"result\",\"name\":\"a\",\"verdict\":\"GOOD\"}\n", "not a verdict"},
        {run_line + "{\"type\":\"machine\",\"event\":\"flew\"}\n", "not a machine event"},
        {run_line + "{\"type\":\"surprise\"}\n",                 "unknown type"},
        {run_line + "\n",                                        ":2: not a vmrunit journal"},
    };
    // clang-format on
    for (const auto& [text, complaint] : rows) {
        const auto record = read_back(text);
        ASSERT_FALSE(record) << text;
        EXPECT_THAT(record.error().what, HasSubstr(complaint)) << text;
    }
    EXPECT_FALSE(read_journal("/proc/nonexistent/results.jsonl"));
}

TEST(Journal, RefusesAnotherSchema) {
    std::string text = journal_of({});
    const std::string version = "\"schema_version\":1";
    text.replace(text.find(version), version.size(), "\"schema_version\":2");
    const auto record = read_back(text);
    ASSERT_FALSE(record);
    EXPECT_THAT(record.error().what, HasSubstr("another version"));
}

} // namespace
} // namespace vmrunit::runner
