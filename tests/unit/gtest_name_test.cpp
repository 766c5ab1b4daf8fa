// SPDX-License-Identifier: GPL-2.0-only
// Names of cases as Google Test has them, and back.
#include "cases/model/catalogue.hpp"
#include "host_runner/gtest/gtest_name.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace vmrunit::runner {
namespace {

TEST(GtestName, IsAreaAndSubjectThenTheRest) {
    const GtestName name = gtest_name("intercept/cpuid/taken/l2_long64/cpl0");
    EXPECT_EQ(name.suite, "intercept/cpuid");
    EXPECT_EQ(name.test, "taken/l2_long64/cpl0");
    EXPECT_EQ(case_name(name.suite, name.test), "intercept/cpuid/taken/l2_long64/cpl0");
}

TEST(GtestName, KeepsTheShortestName) {
    const GtestName name = gtest_name("a/b/c");
    EXPECT_EQ(name.suite, "a/b");
    EXPECT_EQ(name.test, "c");
}

// No two cases become one test, and nothing in a name means something to Google Test's filter.
TEST(GtestName, MapsEveryCaseThereIs) {
    const cases::Catalogue catalogue = cases::registered_cases();
    ASSERT_FALSE(catalogue.cases().empty());
    std::set<std::pair<std::string, std::string>> seen;
    for (const cases::Case& one : catalogue.cases()) {
        const GtestName name = gtest_name(one.name);
        EXPECT_EQ(case_name(name.suite, name.test), one.name);
        EXPECT_FALSE(name.suite.empty() || name.test.empty()) << one.name;
        EXPECT_TRUE(seen.emplace(name.suite, name.test).second) << one.name;
        EXPECT_EQ(one.name.find_first_of(".-:*? "), std::string::npos) << one.name;
        EXPECT_FALSE(name.suite.starts_with("DISABLED_") || name.test.starts_with("DISABLED_"));
    }
}

} // namespace
} // namespace vmrunit::runner
