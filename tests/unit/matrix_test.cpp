// SPDX-License-Identifier: GPL-2.0-only
// A matrix from records: rows, groups, text and JSON.
#include "host_runner/matrix/matrix.hpp"

#include "host_runner/matrix/matrix_groups.hpp"
#include "host_runner/matrix/matrix_json.hpp"
#include "host_runner/matrix/matrix_text.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vmrunit::runner {
namespace {

using samples::failing;
using samples::passing;
using samples::with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

MatrixColumn column(const std::string& target, Layers layers,
                    const std::vector<CaseResult>& results) {
    MatrixColumn made;
    made.target = target;
    made.layers = std::move(layers);
    made.record = samples::record_of(results);
    made.record.info.target = target;
    made.folder = "20260101T000000Z-" + target;
    return made;
}

CaseResult known(std::string name, std::string reason) {
    CaseResult result = failing(std::move(name));
    result.verdict = Verdict::expected_fail;
    result.reason = std::move(reason);
    return result;
}

const std::vector<std::string> names{"intercept/int3/taken/cpl0", "intercept/int3/taken/cpl3",
                                     "intercept/hlt/taken/cpl0", "fields/rip/saved/cpl0"};

/// Two bare CPUs: INT3 is known to be wrong on the first, the field fails on both, HLT holds.
Matrix two_cpus() {
    return make_matrix(
        {column("qemu", {"qemu", ""},
                {known(names[0], "INT3 is not exact"), known(names[1], "INT3 is not exact"),
                 passing(names[2]), failing(names[3])}),
         column("bochs", {"bochs", ""},
                {passing(names[0]), passing(names[1]), with(Verdict::skip, names[2], "needs hlt"),
                 failing(names[3])})},
        names);
}

TEST(Matrix, HasARowForEachCase) {
    const Matrix matrix = two_cpus();
    ASSERT_EQ(matrix.rows.size(), 4u);
    EXPECT_EQ(matrix.rows[0].name, names[0]);
    EXPECT_EQ(matrix.rows[0].cells[0].verdict, Verdict::expected_fail);
    EXPECT_EQ(matrix.rows[0].cells[1].verdict, Verdict::pass);
    ASSERT_EQ(matrix.rows[0].attributions.size(), 1u);
    EXPECT_EQ(matrix.rows[0].attributions[0].culprit, Culprit::cpu);
    EXPECT_THAT(matrix.rows[2].attributions, IsEmpty());
    ASSERT_EQ(matrix.rows[3].attributions.size(), 2u);
    EXPECT_EQ(matrix.rows[3].attributions[1].culprit, Culprit::table);
    EXPECT_EQ(matrix.counts().total(), 8u);
    EXPECT_EQ(matrix.why_incomplete(), "");
}

TEST(Matrix, SaysWhatDidNotRun) {
    MatrixColumn absent;
    absent.target = "lab:9.9";
    absent.trouble = "no such kernel";
    const Matrix matrix =
        make_matrix({column("qemu", {"qemu", ""}, {passing(names[0])}), absent}, names);
    EXPECT_EQ(matrix.why_incomplete(), "lab:9.9: no such kernel");
    EXPECT_FALSE(matrix.rows[0].cells[1].verdict);
    EXPECT_FALSE(matrix.rows[1].cells[0].verdict);
    const auto text = matrix_text(matrix, {});
    EXPECT_THAT(text, HasSubstr("lab:9.9  not run: no such kernel"));
}

TEST(MatrixGroups, PutRowsTogetherThatSayTheSame) {
    const auto groups = group_rows(two_cpus());
    ASSERT_EQ(groups.size(), 3u);
    EXPECT_EQ(groups[0].topic, MatrixTopic::table);
    EXPECT_FALSE(groups[0].known);
    EXPECT_THAT(groups[0].rows, ElementsAre(3));
    EXPECT_EQ(groups[1].topic, MatrixTopic::cpu);
    EXPECT_TRUE(groups[1].known);
    EXPECT_THAT(groups[1].rows, ElementsAre(0, 1));
    EXPECT_EQ(groups[1].label, "intercept/int3/taken/*");
    EXPECT_EQ(groups[2].topic, MatrixTopic::agreement);
}

TEST(MatrixGroups, KeepRowsApartThatFailForAnotherReason) {
    const auto groups = group_rows(make_matrix(
        {column("qemu", {"qemu", ""}, {known(names[0], "one"), known(names[1], "another")}),
         column("bochs", {"bochs", ""}, {passing(names[0]), passing(names[1])})},
        std::span{names}.first(2)));
    EXPECT_EQ(groups.size(), 2u);
}

TEST(MatrixGroups, AnErrorAndAnUnexpectedPassAreTopics) {
    const auto topic = [](Verdict first, Verdict second) {
        MatrixRow row;
        row.cells = {{.verdict = first, .manner = {}, .reason = {}},
                     {.verdict = second, .manner = {}, .reason = {}}};
        return topic_of(row);
    };
    EXPECT_EQ(topic(Verdict::error, Verdict::pass), MatrixTopic::harness);
    EXPECT_EQ(topic(Verdict::pass, Verdict::unexpected_pass), MatrixTopic::unexpected_pass);
    EXPECT_EQ(topic(Verdict::pass, Verdict::skip), MatrixTopic::agreement);
}

TEST(MatrixGroups, LabelsAreAsLongAsTheyMayBe) {
    EXPECT_EQ(label_of({"a/b/c/d"}), "a/b/c/d");
    EXPECT_EQ(label_of({"a/b/c/d", "a/b/c/e"}), "a/b/c/*");
    EXPECT_EQ(label_of({"a/b/c/d", "a/b/e/f"}), "a/b/c/* a/b/e/*");
    EXPECT_EQ(label_of({"a/b/c/1", "a/b/d/1", "a/b/e/1", "a/b/f/1"}), "a/b/*");
    EXPECT_EQ(label_of({"a/1/c/1", "a/2/d/1", "a/3/e/1", "a/4/f/1", "b/1/c/1"}), "a/* b/*");
}

TEST(MatrixText, ShowsPatternReasonAndEvidence) {
    const auto text = matrix_text(two_cpus(), {});
    EXPECT_THAT(text, HasSubstr("1  qemu   1 PASS, 1 FAIL, 2 XFAIL\n"));
    EXPECT_THAT(text, HasSubstr("4 cases on 2 targets; 1 of them hold wherever they ran"));
    EXPECT_THAT(text, HasSubstr("x .  intercept/int3/taken/*  (2 cases)\n"));
    EXPECT_THAT(text, HasSubstr("1: INT3 is not exact\n"));
    EXPECT_THAT(text, HasSubstr("1: CPU qemu: holds on bochs\n"));
    EXPECT_THAT(text, HasSubstr("F F  fields/rip/saved/cpl0\n"));
    EXPECT_THAT(text, HasSubstr("1 2: next_rip, intercepts\n"));
    EXPECT_THAT(text, Not(HasSubstr("hlt")));
}

TEST(MatrixText, ShowsWhatHoldsAndEveryNameIfAsked) {
    const auto text = matrix_text(two_cpus(), {.all = true, .names = true});
    EXPECT_THAT(text, HasSubstr(". -  intercept/hlt/taken/cpl0\n"));
    EXPECT_THAT(text, HasSubstr("  intercept/int3/taken/cpl3\n"));
}

TEST(MatrixText, IsHarmlessWhateverAGuestSays) {
    CaseResult hostile = failing(names[0]);
    hostile.fields.clear();
    hostile.reason = samples::hostile;
    const auto matrix = make_matrix({column("qemu", {"qemu", ""}, {hostile}),
                                     column("bochs", {"bochs", ""}, {passing(names[0])})},
                                    std::span{names}.first(1));
    const auto text = matrix_text(matrix, {});
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(MatrixText, AFlakyCaseIsATopicAndNoEvidence) {
    const auto matrix =
        make_matrix({column("qemu", {"qemu", ""}, {samples::flaky(names[0]), failing(names[1])}),
                     column("bochs", {"bochs", ""}, {passing(names[0]), samples::flaky(names[1])})},
                    std::span{names}.first(2));
    EXPECT_EQ(topic_of(matrix.rows[0]), MatrixTopic::flaky);
    ASSERT_EQ(matrix.rows[1].attributions.size(), 1u);
    EXPECT_EQ(matrix.rows[1].attributions[0].culprit, Culprit::undecided);
    const auto text = matrix_text(matrix, {});
    EXPECT_THAT(text, HasSubstr("~ .  intercept/int3/taken/cpl0\n"));
    EXPECT_THAT(text, HasSubstr("1: FAIL (save.rip), then PASS\n"));
    EXPECT_THAT(text, HasSubstr("1  qemu   1 PASS, 1 FAIL, 1 flaky\n"));
    const auto json = nlohmann::json::parse(matrix_json(matrix, {}));
    EXPECT_EQ(json["rows"][0]["flaky"], nlohmann::json{0});
    EXPECT_EQ(json["groups"][1]["topic"], "flaky");
}

TEST(MatrixJson, HasRowsGroupsAndTargets) {
    const MatrixInfo info{.version = "0.1.0",
                          .payload_build_id = "c0ffee",
                          .command_line = {"vmrunit", "matrix", samples::hostile},
                          .started = std::chrono::system_clock::from_time_t(1'000'000'000),
                          .interrupted = true};
    const auto json = nlohmann::json::parse(matrix_json(two_cpus(), info));
    EXPECT_EQ(json["schema_version"], 1);
    EXPECT_EQ(json["run"]["interrupted"], true);
    EXPECT_EQ(json["run"]["complete"], true);
    EXPECT_EQ(json["summary"]["xfail"], 2);
    EXPECT_EQ(json["targets"][1]["layers"]["cpu"], "bochs");
    EXPECT_EQ(json["targets"][1]["results"], "20260101T000000Z-bochs/results.json");
    EXPECT_EQ(json["rows"][2]["verdicts"], (nlohmann::json{"PASS", "SKIP"}));
    EXPECT_FALSE(json["rows"][2].contains("attributions"));
    EXPECT_EQ(json["rows"][0]["attributions"][0]["culprit"], "cpu");
    EXPECT_EQ(json["rows"][0]["attributions"][0]["layer"], "qemu");
    EXPECT_EQ(json["groups"].size(), 2u);
    EXPECT_EQ(json["groups"][0]["topic"], "table");
    EXPECT_EQ(json["groups"][1]["rows"], (nlohmann::json{0, 1}));
}

} // namespace
} // namespace vmrunit::runner
