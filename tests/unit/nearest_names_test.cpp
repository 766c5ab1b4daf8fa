// SPDX-License-Identifier: GPL-2.0-only
// What somebody may have meant.
#include "host_runner/targets/nearest_names.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

const std::vector<std::string> models{"486",        "EPYC", "EPYC-Milan", "EPYC-Rome",
                                      "Opteron_G5", "max",  "phenom"};

TEST(NearestNames, NearestFirst) {
    EXPECT_EQ(nearest_names("EPYC-Mlan", models), std::vector<std::string>{"EPYC-Milan"});
    EXPECT_EQ(nearest_names("EPYC-Rme", models).front(), "EPYC-Rome");
    EXPECT_EQ(nearest_names("phemon", models), std::vector<std::string>{"phenom"});
}

TEST(NearestNames, CaseDoesNotCount) {
    EXPECT_EQ(nearest_names("epyc", models),
              (std::vector<std::string>{"EPYC", "EPYC-Milan", "EPYC-Rome"}));
    EXPECT_EQ(nearest_names("MAX", models), std::vector<std::string>{"max"});
}

TEST(NearestNames, TheLimitHolds) {
    EXPECT_EQ(nearest_names("epyc", models, 1).size(), 1u);
}

TEST(NearestNames, NothingFarAway) {
    EXPECT_TRUE(nearest_names("threadripper", models).empty());
    EXPECT_TRUE(nearest_names("", models).empty());
    EXPECT_TRUE(nearest_names("x", models).empty());
    EXPECT_TRUE(nearest_names("epyc", {}).empty());
}

TEST(DidYouMean, IsAQuestionOrNothing) {
    EXPECT_EQ(did_you_mean("mx", models), "did you mean max?");
    EXPECT_EQ(did_you_mean("epyc-", models), "did you mean EPYC, EPYC-Milan or EPYC-Rome?");
    EXPECT_EQ(did_you_mean("threadripper", models), "");
}

} // namespace
} // namespace vmrunit::runner
