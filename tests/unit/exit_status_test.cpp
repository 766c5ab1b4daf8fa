// SPDX-License-Identifier: GPL-2.0-only
// Every verdict in every style of exit status; and that nothing but success is ever 0.
#include "host_runner/exit_status.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

struct StatusRow {
    const char* what;
    std::array<std::uint32_t, verdict_names.size()> counts; // pass fail skip error xfail xpass
    std::size_t planned;
    bool strict;
    RunOutcome outcome;
};

// clang-format off
constexpr StatusRow status_rows[] = {
    {"one pass",                  {1, 0, 0, 0, 0, 0}, 1, false, RunOutcome::passed},
    {"one fail",                  {0, 1, 0, 0, 0, 0}, 1, false, RunOutcome::failed},
    {"one skip",                  {0, 0, 1, 0, 0, 0}, 1, false, RunOutcome::skipped},
    {"one error",                 {0, 0, 0, 1, 0, 0}, 1, false, RunOutcome::broken},
    {"one xfail",                 {0, 0, 0, 0, 1, 0}, 1, false, RunOutcome::passed},
    {"one xpass",                 {0, 0, 0, 0, 0, 1}, 1, false, RunOutcome::passed},
    {"one xpass, strict",         {0, 0, 0, 0, 0, 1}, 1, true,  RunOutcome::failed},
    {"xfail, strict",             {0, 0, 0, 0, 1, 0}, 1, true,  RunOutcome::passed},
    {"pass and skip",             {1, 0, 9, 0, 0, 0}, 10, false, RunOutcome::passed},
    {"xfail and skip",            {0, 0, 9, 0, 1, 0}, 10, false, RunOutcome::passed},
    {"pass and fail",             {9, 1, 0, 0, 0, 0}, 10, false, RunOutcome::failed},
    {"fail and error",            {0, 1, 0, 1, 0, 0}, 2, false, RunOutcome::failed},
    {"pass and error",            {9, 0, 0, 1, 0, 0}, 10, false, RunOutcome::broken},
    {"skip and error",            {0, 0, 9, 1, 0, 0}, 10, false, RunOutcome::broken},
    {"a verdict is missing",      {9, 0, 0, 0, 0, 0}, 10, false, RunOutcome::broken},
    {"one of them a fail",        {8, 1, 0, 0, 0, 0}, 10, false, RunOutcome::failed},
    {"nothing was planned",       {0, 0, 0, 0, 0, 0}, 0, false, RunOutcome::broken},
};
// clang-format on

RunEnd end_of(const std::array<std::uint32_t, verdict_names.size()>& counts, std::size_t planned) {
    RunEnd end;
    end.counts.by_verdict = counts;
    end.planned = planned;
    return end;
}

TEST(ExitStatus, OutcomeOfVerdicts) {
    for (const StatusRow& row : status_rows) {
        RunEnd end = end_of(row.counts, row.planned);
        end.strict = row.strict;
        EXPECT_EQ(outcome_of(end), row.outcome) << row.what;
    }
}

TEST(ExitStatus, AFlakyCasePassesUnlessStrictAndTellsABisectorNothing) {
    RunEnd end = end_of({2, 0, 0, 0, 0, 0}, 2);
    end.counts.flaky = 1;
    EXPECT_EQ(outcome_of(end), RunOutcome::flaky);
    EXPECT_EQ(exit_status_of(RunOutcome::flaky, ExitStyle::kselftest), 0);
    EXPECT_EQ(exit_status_of(RunOutcome::flaky, ExitStyle::meson), 0);
    EXPECT_EQ(exit_status_of(RunOutcome::flaky, ExitStyle::bisect), 125);
    end.strict = true;
    EXPECT_EQ(outcome_of(end), RunOutcome::failed);
    end = end_of({1, 1, 0, 0, 0, 0}, 2);
    end.counts.flaky = 1;
    EXPECT_EQ(outcome_of(end), RunOutcome::failed) << "a failure beside it stays one";
}

TEST(ExitStatus, AReportThatCouldNotBeWrittenIsNoSuccessAndNoFailureOfTheSubject) {
    RunEnd end = end_of({9, 1, 0, 0, 0, 0}, 10);
    end.report_trouble = true;
    EXPECT_EQ(outcome_of(end), RunOutcome::broken);
}

TEST(ExitStatus, InterruptionComesBeforeEverything) {
    RunEnd end = end_of({8, 1, 0, 0, 0, 0}, 10);
    end.interrupted = true;
    end.report_trouble = true;
    EXPECT_EQ(outcome_of(end), RunOutcome::interrupted);
}

struct Status {
    RunOutcome outcome;
    int kselftest;
    int bisect;
    int meson;
};

// clang-format off
constexpr Status statuses[] = {
    {RunOutcome::passed,       0,   0,   0},
    {RunOutcome::failed,       1,   1,   1},
    {RunOutcome::skipped,      4, 125,  77},
    {RunOutcome::broken,      99, 125,  99},
    {RunOutcome::interrupted, 130, 130, 130},
    {RunOutcome::usage,       64, 125,  99},
};
// clang-format on

TEST(ExitStatus, StatusOfOutcomes) {
    for (const Status& row : statuses) {
        EXPECT_EQ(exit_status_of(row.outcome, ExitStyle::kselftest), row.kselftest);
        EXPECT_EQ(exit_status_of(row.outcome, ExitStyle::bisect), row.bisect);
        EXPECT_EQ(exit_status_of(row.outcome, ExitStyle::meson), row.meson);
    }
}

TEST(ExitStatus, StylesByName) {
    EXPECT_EQ(exit_style_from("kselftest"), ExitStyle::kselftest);
    EXPECT_EQ(exit_style_from("bisect"), ExitStyle::bisect);
    EXPECT_EQ(exit_style_from("meson"), ExitStyle::meson);
    EXPECT_EQ(exit_style_from("Meson"), std::nullopt);
    EXPECT_EQ(exit_style_from(""), std::nullopt);
}

} // namespace
} // namespace vmrunit::runner
