// SPDX-License-Identifier: GPL-2.0-only
// Which cases a filter selects, and filters that select none.
#include "host_runner/selection/case_filter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CaseFilter : public testing::Test {
protected:
    CaseFilter() {
        for (const char* name : {"intercept/cpuid/taken/cpl0", "intercept/cpuid/taken/cpl3",
                                 "intercept/cpuid/not_taken/cpl0", "intercept/cpuid_x/taken/cpl0",
                                 "fields/rip/saved"}) {
            cases::Case one;
            one.name = name;
            catalogue_.add(std::move(one));
        }
    }
    [[nodiscard]] std::vector<std::string> select(const std::vector<std::string>& patterns) const {
        const auto chosen = select_cases(catalogue_, patterns);
        if (!chosen) {
            return {chosen.error().line()};
        }
        std::vector<std::string> names;
        for (const cases::Case* one : *chosen) {
            names.push_back(one->name);
        }
        return names;
    }

private:
    cases::Catalogue catalogue_;
};

TEST_F(CaseFilter, NothingSelectsEverything) {
    EXPECT_EQ(select({}).size(), 5u);
}

TEST_F(CaseFilter, AFullNameSelectsOneCase) {
    EXPECT_THAT(select({"fields/rip/saved"}), ElementsAre("fields/rip/saved"));
}

TEST_F(CaseFilter, AFolderSelectsAllBelowIt) {
    EXPECT_EQ(select({"intercept"}).size(), 4u);
    EXPECT_EQ(select({"intercept/"}).size(), 4u);
    EXPECT_THAT(select({"intercept/cpuid"}),
                ElementsAre("intercept/cpuid/taken/cpl0", "intercept/cpuid/taken/cpl3",
                            "intercept/cpuid/not_taken/cpl0"))
        << "and not intercept/cpuid_x";
}

TEST_F(CaseFilter, GlobsReachAcrossSlashes) {
    EXPECT_THAT(select({"*/taken/*"}),
                ElementsAre("intercept/cpuid/taken/cpl0", "intercept/cpuid/taken/cpl3",
                            "intercept/cpuid_x/taken/cpl0"));
    EXPECT_THAT(select({"*cpl3"}), ElementsAre("intercept/cpuid/taken/cpl3"));
    EXPECT_THAT(select({"*cpl?"}).size(), 4u);
}

TEST_F(CaseFilter, SeveralPatternsAddUpAndExclusionsTakeAway) {
    EXPECT_THAT(select({"fields", "*/cpl3"}),
                ElementsAre("intercept/cpuid/taken/cpl3", "fields/rip/saved"))
        << "in the catalogue's order, whatever that of the patterns";
    EXPECT_THAT(select({"intercept/cpuid", "!*/taken"}),
                ElementsAre("intercept/cpuid/not_taken/cpl0"));
    EXPECT_THAT(select({"!intercept"}), ElementsAre("fields/rip/saved"));
    EXPECT_THAT(select({"!*/cpl0", "intercept"}), ElementsAre("intercept/cpuid/taken/cpl3"));
}

TEST_F(CaseFilter, APatternThatMatchesNothingIsAnError) {
    EXPECT_THAT(select({"intercept/cpuidd"}), ElementsAre(HasSubstr("'intercept/cpuidd'")));
    EXPECT_THAT(select({"intercept", "fields/rop"}), ElementsAre(HasSubstr("'fields/rop'")));
    EXPECT_THAT(select({"intercept", "!*/cpl7"}), ElementsAre(HasSubstr("'*/cpl7'")));
    EXPECT_THAT(select({""}), ElementsAre(HasSubstr("no case matches ''")));
    EXPECT_THAT(select({"fields", "!fields"}), ElementsAre(HasSubstr("excludes every case")));
}

} // namespace
} // namespace vmrunit::runner
