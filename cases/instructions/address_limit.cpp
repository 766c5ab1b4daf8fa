// SPDX-License-Identifier: GPL-2.0-only
// VMRUN, VMLOAD and VMSAVE in L2 against the width of physical addresses, which only L1 knows: from
// that bit on it is #GP, before the intercept and without it; the highest bit that an address may
// have meets the intercept. What lies above 51 bits and below a page:
// intercept/svm_instructions.cpp. APM2 15.5.1, 15.9.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/exit_code.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

using svm::ExitCode;
using svm::Intercept;

void address_limit(Catalogue& catalogue) {
    struct Instruction {
        std::string_view name;
        Intercept intercept;
        ExitCode exit_code;
    };
    constexpr Instruction instructions[] = {
        {"vmrun", Intercept::vmrun, ExitCode::vmrun},
        {"vmload", Intercept::vmload, ExitCode::vmload},
        {"vmsave", Intercept::vmsave, ExitCode::vmsave},
    };
    for (const Instruction& instruction : instructions) {
        const auto row = [&](std::string_view what, std::string_view title, bool intercepted,
                             const Call& call, CallExpectation::Reported expected) {
            CallExpectation seen;
            seen.values = {std::move(expected)};
            std::vector<Step> steps{vmcb_field(svm::field::rip, at_start),
                                    intercepting(Intercept::exception_gp)};
            if (intercepted) {
                steps.emplace_back(intercepting(instruction.intercept));
            }
            steps.emplace_back(call);
            for (const bool nested_paging : {true, false}) {
                add_l1_case(catalogue,
                            {.name = "instructions/in_l2/" + std::string{instruction.name} + "/" +
                                     std::string{what},
                             .title = title,
                             .manual = "APM2 15.5.1",
                             .program = instruction.name,
                             .nested_paging = nested_paging,
                             .l1_modes = all_l1_modes,
                             .steps = steps,
                             .expectations = {seen},
                             .named_by_paging = true});
            }
        };
        const auto exits = [](ExitCode code) {
            return reported("lower half of the exit code",
                            static_cast<std::uint64_t>(code) & 0xffff'ffff);
        };
        row("first_beyond_memory", "The first address that there is not: #GP, not the intercept.",
            true, Call{"vmrun_with_rax_near_limit", 0}, exits(ExitCode::exception_gp));
        row("bits_beyond_memory", "Each bit that no physical address of this CPU has.", true,
            Call{"vmrun_with_rax_beyond"}, reported("bits without #GP", 0));
        row("highest_bit", "The twin: the highest bit that an address may have exits.", true,
            Call{"vmrun_with_rax_near_limit", 1}, exits(instruction.exit_code));
        if (instruction.intercept != Intercept::vmrun) { // Which is always intercepted.
            row("first_beyond_memory_not_intercepted", "Nobody intercepts it: #GP all the same.",
                false, Call{"vmrun_with_rax_near_limit", 0}, exits(ExitCode::exception_gp));
        }
    }
}

const Registration registration{address_limit};

} // namespace
} // namespace vmrunit::cases
