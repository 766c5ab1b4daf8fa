// SPDX-License-Identifier: GPL-2.0-only
// A case's name as Google Test has it: area/subject is the suite, the rest the test. Names hold no
// dot, so the mapping loses nothing: intercept/cpuid.taken/l2_long64/cpl0/np1/l1_long64.
#pragma once

#include <string>
#include <string_view>

namespace vmrunit::runner {

struct GtestName {
    std::string suite;
    std::string test;
};

[[nodiscard]] inline GtestName gtest_name(std::string_view case_name) {
    const auto second = case_name.find('/', case_name.find('/') + 1);
    return {std::string{case_name.substr(0, second)}, std::string{case_name.substr(second + 1)}};
}

[[nodiscard]] inline std::string case_name(std::string_view suite, std::string_view test) {
    return std::string{suite} + '/' + std::string{test};
}

} // namespace vmrunit::runner
