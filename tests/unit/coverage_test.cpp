// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/coverage.hpp"

#include "host_runner/coverage/coverage_html.hpp"
#include "host_runner/coverage/coverage_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using cases::Case;
using cases::CoverageFamily;
using cases::CoverageReason;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Items a/one and a/two; a case whose title is "two" covers the second.
std::vector<CoverageFamily> families() {
    return {{"a",
             "Letters",
             {{"a/one", "the first", "APM2 1.1", "Word", 3}, {"a/two", "the second", "APM2 1.2"}},
             [](const Case& one, const cases::CoveredSink& covered) {
                 if (one.title == "two") {
                     covered("a/two");
                     covered("a/two");
                 }
             }}};
}

Case case_of(std::string name, std::string title, std::vector<std::string> covers = {}) {
    Case one;
    one.name = std::move(name);
    one.title = std::move(title);
    one.covers = std::move(covers);
    return one;
}

class CoverageTest : public testing::Test {
protected:
    CoverageTest() {
        catalogue_.add(case_of("x/y/z/l2_long64/cpl0/np1/l1_long64", "two"));
        catalogue_.add(case_of("x/y/z/l2_pae/cpl0/np1/l1_long64", "two"));
    }
    Coverage measure() { return measure_coverage(families_, reasons_, catalogue_, results_); }
    const ItemCoverage& item(const Coverage& coverage, std::size_t index) {
        return coverage.families.at(0).items.at(index);
    }

    std::vector<CoverageFamily> families_ = families();
    std::vector<CoverageReason> reasons_{{"a/one", "nobody can see it", 7}};
    cases::Catalogue catalogue_;
    std::vector<TargetResults> results_;
};

TEST_F(CoverageTest, WhatACpuLeavesUndefinedIsNotShownByIt) {
    families_[0].items[1].needs = svm::Feature::decode_assists;
    results_ = {{"qemu", {{"x/y/z/l2_pae/cpl0/np1/l1_long64", Verdict::pass}}, {"np"}}};
    EXPECT_FALSE(item(measure(), 1).confirmed());
    results_[0].features.emplace_back("decode_assists");
    EXPECT_TRUE(item(measure(), 1).confirmed());
}

TEST_F(CoverageTest, CasesByTheRuleAndAReasonForTheRestAreNoProblem) {
    const Coverage coverage = measure();
    EXPECT_THAT(coverage.problems, IsEmpty());
    EXPECT_EQ(item(coverage, 0).reason, "nobody can see it");
    EXPECT_EQ(item(coverage, 1).shown_by.size(), 2u);
    const FamilyTally sum = tally(coverage.families[0]);
    EXPECT_EQ(sum.items, 2u);
    EXPECT_EQ(sum.covered, 1u);
    EXPECT_EQ(sum.excused, 1u);
    EXPECT_EQ(sum.missing, 0u);
}

TEST_F(CoverageTest, AnItemWithNeitherIsAProblem) {
    reasons_.clear();
    const Coverage coverage = measure();
    EXPECT_THAT(coverage.problems, ElementsAre(HasSubstr("a/one")));
    EXPECT_TRUE(item(coverage, 0).missing());
}

TEST_F(CoverageTest, AReasonForWhatHasCasesIsAProblem) {
    reasons_.push_back({"a/t*", "stale", 9});
    EXPECT_THAT(measure().problems,
                ElementsAre(testing::AllOf(HasSubstr("reasons.inc:9"), HasSubstr("a/two"),
                                           HasSubstr("x/y/z"))));
}

TEST_F(CoverageTest, AReasonForNothingOrForTheSameTwiceIsAProblem) {
    reasons_.push_back({"b/*", "misspelt", 9});
    reasons_.push_back({"a/on?", "again", 10});
    EXPECT_THAT(measure().problems,
                ElementsAre(HasSubstr("reasons.inc:10"), HasSubstr("reasons.inc:9")));
}

TEST_F(CoverageTest, RowsThatAFamilyNamesMustExist) {
    families_[0].rows = {"x/y/z", "x/*/z/l2_pae", "x/gone/*"};
    EXPECT_THAT(measure().problems, ElementsAre("a: no case is called x/gone/*"));
}

TEST_F(CoverageTest, ACaseSaysItselfWhatItCovers) {
    reasons_.clear();
    catalogue_.add(case_of("x/y/own", "", {"a/one"}));
    EXPECT_THAT(measure().problems, IsEmpty());
    catalogue_.add(case_of("x/y/wrong", "", {"a/three"}));
    EXPECT_THAT(measure().problems, ElementsAre(HasSubstr("a/three")));
}

TEST_F(CoverageTest, VerdictsAreCountedForEachTarget) {
    results_ = {{"qemu",
                 {{"x/y/z/l2_long64/cpl0/np1/l1_long64", Verdict::pass},
                  {"x/y/z/l2_pae/cpl0/np1/l1_long64", Verdict::expected_fail}}},
                {"bochs", {{"x/y/z/l2_pae/cpl0/np1/l1_long64", Verdict::skip}}}};
    const Coverage coverage = measure();
    EXPECT_THAT(coverage.targets, ElementsAre("qemu", "bochs"));
    EXPECT_EQ(verdicts_text(item(coverage, 1).verdicts[0]), "1 PASS, 1 XFAIL");
    EXPECT_EQ(verdicts_text(item(coverage, 1).verdicts[1]), "1 SKIP");
    EXPECT_TRUE(item(coverage, 1).confirmed());
    EXPECT_FALSE(item(coverage, 0).confirmed());
}

TEST_F(CoverageTest, CasesThatDifferInTheirAxesAreOneGlob) {
    const Coverage coverage = measure();
    const auto groups = grouped(item(coverage, 1).shown_by);
    ASSERT_EQ(groups.size(), 1u);
    EXPECT_EQ(groups[0].glob, "x/y/z/*");
    EXPECT_EQ(groups[0].cases, 2u);
}

TEST_F(CoverageTest, TextHasCasesReasonsAndSums) {
    const Coverage coverage = measure();
    const std::string text = coverage_text(coverage, {});
    EXPECT_THAT(text, HasSubstr("a/two  2 cases\n    2 x/y/z/*\n"));
    EXPECT_THAT(text, HasSubstr("a/one\n    no case: nobody can see it\n"));
    EXPECT_THAT(text,
                HasSubstr("Letters: 2 items, 1 with cases, 1 without for a reason, 0 missing"));
    const std::vector<std::string> filter{"a/one"};
    EXPECT_THAT(coverage_text(coverage, filter), Not(HasSubstr("a/two")));
    EXPECT_TRUE(names_an_item(coverage, "a"));
    EXPECT_FALSE(names_an_item(coverage, "c/*"));
}

TEST_F(CoverageTest, ThePageDrawsWordsAndEscapesText) {
    reasons_[0].reason = "<b>";
    const std::string page = coverage_html(measure());
    EXPECT_THAT(page, HasSubstr("<a class=\"bit excused\" href=\"#a/one\""));
    EXPECT_THAT(page, HasSubstr("<tr id=\"a/two\">"));
    EXPECT_THAT(page, HasSubstr("&lt;b&gt;"));
    EXPECT_THAT(page, Not(HasSubstr("{{")));
}

TEST_F(CoverageTest, AnItemOfSeveralBitsFillsTheirCells) {
    families_[0].items[0].bits = 3;
    const std::string page = coverage_html(measure());
    for (const char* bit : {"3", "4", "5"}) {
        EXPECT_THAT(page, HasSubstr(std::string{"a/one: excused\n\">"} + bit + "</a>"));
    }
    EXPECT_THAT(page, HasSubstr("title=\"bit 6\""));
}

TEST_F(CoverageTest, BytesOfTheVmcbAreDrawnAndLeadToTheirItems) {
    EXPECT_THAT(coverage_html(measure()), Not(HasSubstr("<svg class=\"vmcb\"")));
    families_[0].items[0].vmcb = {{0x058, 4, cases::VmcbUse::checked}};
    families_[0].items[1].vmcb = {{0x058, 2, cases::VmcbUse::loaded}};
    const std::string page = coverage_html(measure());
    EXPECT_THAT(page, HasSubstr("<svg class=\"vmcb\""));
    // What has cases that nobody has run asks more for attention than what is excused.
    EXPECT_THAT(page, HasSubstr("<a href=\"#a/two\"><g><title>058 control.guest_asid"));
    EXPECT_THAT(page, HasSubstr("<a href=\"#a/one\"><g><title>058 control.guest_asid"));
    EXPECT_THAT(page, HasSubstr("<rect class=\"unconfirmed\""));
    EXPECT_THAT(page, HasSubstr("<rect class=\"excused\""));
}

TEST_F(CoverageTest, ThePageNamesAFewRowsOfMany) {
    for (const char* row : {"1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
        catalogue_.add(case_of(std::string{"x/many/"} + row, "two"));
    }
    const std::string page = coverage_html(measure());
    EXPECT_THAT(page, HasSubstr("and 2 rows more"));
    EXPECT_THAT(page, Not(HasSubstr("x/many/9")));
}

} // namespace
} // namespace vmrunit::runner
