// SPDX-License-Identifier: GPL-2.0-only
// See intercept_map.hpp. What a row is about follows from the exits its siblings expect: the cases
// of intercept/cpuid that are not taken end with VMMCALL, those that are taken name the bit.
#include "host_runner/report/html/intercept_map.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <variant>

namespace vmrunit::runner::html {
namespace {

/// "intercept/cpuid/taken/..." -> "intercept/cpuid"
std::string_view subject_of(std::string_view name) {
    const auto area = name.find('/');
    return name.substr(0, area == std::string_view::npos ? area : name.find('/', area + 1));
}

std::set<svm::Intercept> expected_bits(const cases::Case& one) {
    std::set<svm::Intercept> bits;
    for (const cases::Expectation& expectation : one.expectations) {
        const auto* exit = std::get_if<cases::ExitExpectation>(&expectation);
        const auto* info = exit ? svm::intercept_of_exit_code(exit->exit_code) : nullptr;
        if (info != nullptr && info->intercept != svm::Intercept::vmmcall) {
            bits.insert(info->intercept);
        }
    }
    return bits;
}

} // namespace

InterceptsOfCases intercepts_of_cases(const cases::Catalogue& catalogue) {
    std::map<std::string_view, std::set<svm::Intercept>> of_subject;
    for (const cases::Case& one : catalogue.cases()) {
        if (one.name.starts_with("intercept/")) {
            of_subject[subject_of(one.name)].merge(expected_bits(one));
        }
    }
    InterceptsOfCases result;
    for (const cases::Case& one : catalogue.cases()) {
        std::set<svm::Intercept> bits = expected_bits(one);
        const auto subject = of_subject.find(subject_of(one.name));
        if (bits.empty() && subject != of_subject.end()) {
            bits = subject->second;
            if (bits.empty()) { // Every exit of it is the VMMCALL's.
                bits.insert(svm::Intercept::vmmcall);
            }
        }
        result[one.name].assign(bits.begin(), bits.end());
    }
    return result;
}

InterceptCounts count_intercepts(const RunRecord& record, const InterceptsOfCases& intercepts) {
    InterceptCounts counts{};
    for (const CaseResult& result : record.results) {
        if (const auto found = intercepts.find(result.name); found != intercepts.end()) {
            for (const svm::Intercept bit : found->second) {
                counts[static_cast<std::size_t>(bit)].add(result);
            }
        }
    }
    return counts;
}

} // namespace vmrunit::runner::html
