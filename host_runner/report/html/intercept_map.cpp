// SPDX-License-Identifier: GPL-2.0-only
// See intercept_map.hpp.
#include "host_runner/report/html/intercept_map.hpp"

#include <set>

namespace vmrunit::runner::html {

InterceptsOfCases intercepts_of_cases(const cases::Catalogue& catalogue) {
    InterceptsOfCases result;
    for (const cases::Case& one : catalogue.cases()) {
        std::set<svm::Intercept> bits;
        for (const cases::InterceptUse& use : one.intercepts) {
            bits.insert(use.intercept);
        }
        if (!bits.empty()) {
            result[one.name].assign(bits.begin(), bits.end());
        }
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
