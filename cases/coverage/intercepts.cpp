// SPDX-License-Identifier: GPL-2.0-only
// Coverage of the intercept bits, words 000h to 014h: for each of the 167 bits what a case can show
// of it. APM2 15.7, 15.9, appendix B.

#include "cases/coverage/family.hpp"
#include "cases/model/intercept_bits.hpp"

#include "harness/svm/intercept.hpp"

#include <array>
#include <cstdio>

namespace vmrunit::cases {
namespace {

struct Aspect {
    std::string_view name;
    std::string_view title;
};
constexpr Aspect taken{"taken", "with the bit set it exits"};
constexpr Aspect only_this_bit{"only_this_bit", "exits with no other intercept set"};
constexpr Aspect taken_all_others{"taken_all_others", "exits with all other intercepts set too"};
constexpr Aspect not_taken{"not_taken", "with the bit clear it does not exit"};
constexpr Aspect not_taken_all_others{"not_taken_all_others",
                                      "with only this bit clear it does not exit"};
constexpr Aspect order{"order", "what comes before it, and what it does not cover"};
constexpr std::array aspects{taken,     only_this_bit,        taken_all_others,
                             not_taken, not_taken_all_others, order};

std::string id_of(svm::Intercept intercept, const Aspect& aspect) {
    return "intercept/" + std::string{svm::intercept_name(intercept)} + "/" +
           std::string{aspect.name};
}

void covered_by(const Case& one, const CoveredSink& covered) {
    for (const InterceptUse& use : one.intercepts) {
        const auto shows = [&](const Aspect& aspect) { covered(id_of(use.intercept, aspect)); };
        switch (use.kind) {
        case InterceptUse::Kind::taken:
            shows(taken);
            // VMRUN has to be set, VMMCALL ends the program, SHUTDOWN protects the machine.
            if (intercepts_at_first_run(one) == (fresh_intercepts() | use.intercept)) {
                shows(only_this_bit);
            }
            break;
        case InterceptUse::Kind::taken_all_others:
            shows(taken_all_others);
            break;
        case InterceptUse::Kind::not_taken:
            shows(not_taken);
            break;
        case InterceptUse::Kind::not_taken_all_others:
            shows(not_taken_all_others);
            break;
        case InterceptUse::Kind::order:
            shows(order);
            break;
        }
    }
}

CoverageFamily intercepts() {
    CoverageFamily family{"intercept", "Intercept bits", {}, covered_by};
    for (const svm::InterceptInfo& info : svm::intercept_table) {
        const auto number = static_cast<unsigned>(info.intercept);
        std::array<char, 32> word{};
        std::snprintf(word.data(), word.size(), "Intercept word %03Xh", number / 32 * 4);
        for (const Aspect& aspect : aspects) {
            family.items.push_back({id_of(info.intercept, aspect), std::string{aspect.title},
                                    std::string{info.manual}, word.data(), number % 32});
        }
    }
    return family;
}

const FamilyRegistration registration{intercepts};

} // namespace
} // namespace vmrunit::cases
