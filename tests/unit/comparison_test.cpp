// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/compare/comparison.hpp"
#include "host_runner/compare/comparison_text.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using samples::failing;
using samples::passing;
using samples::with;
using testing::HasSubstr;
using testing::Not;

RunRecord run_of(const std::vector<CaseResult>& results) {
    return samples::record_of(results);
}

ChangeKind only_kind(const CaseResult& before, const CaseResult& after) {
    const RunRecord a = run_of({before});
    const RunRecord b = run_of({after});
    const Comparison comparison = compare(a, b);
    EXPECT_EQ(comparison.groups.size(), 1u);
    return comparison.groups.empty() ? ChangeKind{99} : comparison.groups.front().kind;
}

bool unchanged(const CaseResult& before, const CaseResult& after) {
    const RunRecord a = run_of({before});
    const RunRecord b = run_of({after});
    const Comparison comparison = compare(a, b);
    return comparison.groups.empty() && comparison.unchanged == 1;
}

TEST(Comparison, TellsKindsOfChangeApart) {
    const auto skip = with(Verdict::skip, "a/b", "needs x");
    const auto error = with(Verdict::error, "a/b", "lost");
    auto known = failing("a/b");
    known.verdict = Verdict::expected_fail;
    using enum ChangeKind;
    EXPECT_EQ(only_kind(passing("a/b"), failing("a/b")), new_failure);
    EXPECT_EQ(only_kind(skip, failing("a/b")), new_failure);
    EXPECT_EQ(only_kind(known, failing("a/b")), new_failure);
    EXPECT_EQ(only_kind(passing("a/b"), error), new_failure);
    EXPECT_EQ(only_kind(error, failing("a/b")), new_failure);
    EXPECT_EQ(only_kind(failing("a/b"), passing("a/b")), fixed);
    EXPECT_EQ(only_kind(known, passing("a/b")), fixed);
    EXPECT_EQ(only_kind(known, with(Verdict::unexpected_pass, "a/b", "x")), fixed);
    EXPECT_EQ(only_kind(passing("a/b"), skip), newly_skipped);
    EXPECT_EQ(only_kind(failing("a/b"), skip), newly_skipped);
    EXPECT_EQ(only_kind(passing("a/b"), known), now_known);
    EXPECT_EQ(only_kind(failing("a/b"), known), now_known);
    EXPECT_EQ(only_kind(skip, passing("a/b")), no_longer_skipped);
}

TEST(Comparison, WhatIsIntermittentMayPass) {
    auto known = failing("a/b");
    known.verdict = Verdict::expected_fail;
    known.intermittent = true;
    auto otherwise = known;
    otherwise.fields.clear();
    EXPECT_TRUE(unchanged(known, passing("a/b")));
    EXPECT_TRUE(unchanged(passing("a/b"), known));
    EXPECT_TRUE(unchanged(known, otherwise));
    EXPECT_EQ(only_kind(known, failing("a/b")), ChangeKind::new_failure);
    EXPECT_EQ(only_kind(known, with(Verdict::skip, "a/b", "x")), ChangeKind::newly_skipped);
    EXPECT_EQ(only_kind(failing("a/b"), known), ChangeKind::now_known);
    auto always = known;
    always.intermittent = false;
    EXPECT_EQ(only_kind(always, passing("a/b")), ChangeKind::fixed);
    always.fields.clear();
    EXPECT_TRUE(unchanged(known, always)) << "what else the baseline knows shows again";
    auto flaky = passing("a/b");
    flaky.attempts = {{Verdict::fail, "x"}, {Verdict::pass, {}}};
    EXPECT_EQ(only_kind(known, flaky), ChangeKind::newly_flaky);
}

TEST(Comparison, SameVerdictWithAnotherExitCodeOrFieldIsAChange) {
    auto other_code = passing("a/b");
    other_code.exit_code = 0x78;
    EXPECT_EQ(only_kind(passing("a/b"), other_code), ChangeKind::changed_detail);

    auto other_value = failing("a/b");
    other_value.fields[1].actual = "0x0000000000000001";
    EXPECT_EQ(only_kind(failing("a/b"), other_value), ChangeKind::changed_detail);

    auto one_more = failing("a/b");
    one_more.fields.push_back({"save.rax", "0", "1", "", false});
    EXPECT_EQ(only_kind(failing("a/b"), one_more), ChangeKind::changed_detail);

    // A field that matches is orientation, not a finding.
    auto shown_equal = failing("a/b");
    shown_equal.fields.push_back({"save.rax", "1", "1", "", true});
    EXPECT_TRUE(unchanged(failing("a/b"), shown_equal));

    EXPECT_EQ(only_kind(with(Verdict::fail, "a/b", "hang"), with(Verdict::fail, "a/b", "reset")),
              ChangeKind::changed_detail);
    EXPECT_EQ(only_kind(with(Verdict::skip, "a/b", "x"), with(Verdict::skip, "a/b", "y")),
              ChangeKind::changed_detail);
}

TEST(Comparison, DurationAndMachineAreNoChange) {
    auto slower = passing("a/b");
    slower.duration *= 100;
    slower.machine = 7;
    EXPECT_TRUE(unchanged(passing("a/b"), slower));
}

TEST(Comparison, OtherPayloadsHaveOtherAddresses) {
    auto moved = failing("a/b");
    moved.fields[1].actual = "0x0000000000000001";
    const RunRecord a = run_of({failing("a/b")});
    RunRecord b = run_of({moved});
    b.info.payload_build_id = "another";
    const Comparison comparison = compare(a, b);
    EXPECT_FALSE(comparison.same_payload);
    EXPECT_TRUE(comparison.groups.empty());
    EXPECT_THAT(comparison_text(comparison, {}), HasSubstr("addresses are not compared"));
}

TEST(Comparison, CasesThatOnlyOneRanAreLostOrAdded) {
    const RunRecord a =
        run_of({passing("a/both"), passing("a/old"), with(Verdict::skip, "a/old_skip", "needs x")});
    const RunRecord b = run_of({passing("a/both"), passing("a/new"), failing("a/new_bad")});
    const Comparison comparison = compare(a, b);
    EXPECT_EQ(comparison.common, 1u);
    EXPECT_EQ(comparison.count(ChangeKind::lost), 1u);
    EXPECT_EQ(comparison.count(ChangeKind::added), 1u);
    EXPECT_EQ(comparison.count(ChangeKind::new_failure), 1u);
}

TEST(Comparison, OfSeveralResultsOfACaseTheWorstCounts) {
    const RunRecord a = run_of({passing("a/b"), passing("a/b")});
    const RunRecord b = run_of({passing("a/b"), failing("a/b"), passing("a/b")});
    EXPECT_EQ(compare(a, b).count(ChangeKind::new_failure), 1u);
    EXPECT_EQ(compare(b, a).count(ChangeKind::fixed), 1u);
}

TEST(Comparison, OnlyFailuresAreARegressionUnlessStrict) {
    const auto skip = with(Verdict::skip, "a/b", "needs x");
    const RunRecord good = run_of({passing("a/b")});
    const RunRecord skipped = run_of({skip});
    const RunRecord bad = run_of({failing("a/b")});
    EXPECT_TRUE(compare(good, bad).regressed(false));
    EXPECT_FALSE(compare(bad, good).regressed(true));
    EXPECT_FALSE(compare(good, skipped).regressed(false));
    EXPECT_TRUE(compare(good, skipped).regressed(true));
    EXPECT_FALSE(compare(good, good).regressed(true));
}

TEST(Comparison, FlakyIsNewsAndADoubt) {
    const auto flaky = samples::flaky("a/b");
    EXPECT_EQ(only_kind(passing("a/b"), flaky), ChangeKind::newly_flaky);
    EXPECT_TRUE(unchanged(flaky, flaky));
    const RunRecord a = run_of({passing("a/b")});
    const RunRecord b = run_of({flaky});
    EXPECT_FALSE(compare(a, b).regressed(false));
    EXPECT_TRUE(compare(a, b).regressed(true));
}

TEST(Comparison, GroupsWhatDiffersAlikeAndSaysHow) {
    std::vector<CaseResult> before;
    std::vector<CaseResult> after;
    for (const char* name : {"a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7"}) {
        before.push_back(passing(name));
        after.push_back(failing(name));
    }
    after.back() = with(Verdict::fail, "a/7", "hang: no record in 2000 ms");
    const RunRecord a = run_of(before);
    const RunRecord b = run_of(after);
    const Comparison comparison = compare(a, b);
    ASSERT_EQ(comparison.groups.size(), 2u);
    EXPECT_EQ(comparison.groups[0].cases.size(), 6u);
    EXPECT_EQ(comparison.groups[0].what, "PASS -> FAIL  next_rip, intercepts -cpuid +hlt");
    EXPECT_EQ(comparison.groups[1].what, "PASS -> FAIL  hang: no record in 2000 ms");
    const std::string text = comparison_text(comparison, {});
    EXPECT_THAT(text, HasSubstr("New failures (7)"));
    EXPECT_THAT(text, HasSubstr("... and 1 more"));
    EXPECT_THAT(text, HasSubstr("REGRESSION  7 new failures; 0 of 7 cases unchanged"));
}

TEST(Comparison, MarkdownKeepsWhatAGuestWroteHarmless) {
    const RunRecord a = run_of({passing("a/b")});
    const RunRecord b =
        run_of({with(Verdict::fail, "a/b", "</summary><script>|`x`\n# " + samples::hostile)});
    const std::string text = comparison_markdown(compare(a, b), {});
    EXPECT_THAT(text, Not(HasSubstr("<script>")));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\n# ")));
    EXPECT_THAT(text, HasSubstr("### vmrunit: REGRESSION"));
    EXPECT_THAT(text, HasSubstr("- `a/b`"));
}

} // namespace
} // namespace vmrunit::runner
