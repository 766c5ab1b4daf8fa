// SPDX-License-Identifier: GPL-2.0-only
// Coverage of the exit codes: one that some case expects is covered. APM2 appendix C.

#include "cases/coverage/family.hpp"

#include "harness/svm/exit_code.hpp"

namespace vmrunit::cases {
namespace {

std::string id_of(svm::ExitCode code) {
    return "exit_code/" + std::string{svm::exit_code_name(code)};
}

/// The VMMCALL that ends nearly every program is no test of VMMCALL.
bool is_marker(const ExitExpectation& exit) {
    return exit.exit_code == svm::ExitCode::vmmcall && exit.rip.anchor != Anchor::insn;
}

void covered_by(const Case& one, const CoveredSink& covered) {
    for (const Expectation& expectation : one.expectations) {
        const auto* exit = std::get_if<ExitExpectation>(&expectation);
        if (exit != nullptr && !is_marker(*exit)) {
            covered(id_of(exit->exit_code));
        }
    }
}

CoverageFamily exit_codes() {
    CoverageFamily family{"exit_code", "Exit codes", {}, covered_by};
    for (const svm::ExitCodeInfo& info : svm::exit_code_table) {
        family.items.push_back(
            {id_of(info.code), std::string{info.manual_name}, std::string{info.manual}});
    }
    return family;
}

const FamilyRegistration registration{exit_codes};

} // namespace
} // namespace vmrunit::cases
