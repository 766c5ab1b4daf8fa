// SPDX-License-Identifier: GPL-2.0-only
// RIP that is not canonical is no reason to refuse VMRUN: L2 begins there, and its first fetch is
// its own #GP. APM2 15.5.1, 5.3.1.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

void instruction_pointer(Catalogue& catalogue) {
    for (const std::uint64_t rip : {std::uint64_t{1} << 47, std::uint64_t{0x1234'5678'9abc'def0}}) {
        for (const bool intercepted : {true, false}) {
            ExitExpectation exit =
                delivered({}, {.vector = 13, .error_code = 0, .return_rip = rip});
            std::vector<Step> steps{vmcb_field(field::rip, rip)};
            if (intercepted) {
                exit = {.exit_code = svm::ExitCode::exception_gp,
                        .rip = rip,
                        .fields = {{field::exit_info_1, 0}}};
                steps.emplace_back(intercepting(svm::Intercept::exception_gp));
            }
            each_paging(L2Mode::long64, [&](const L2Start& start) {
                add_guest_case(catalogue,
                               {.name = "fields/save_rip/not_canonical/" + hex_name(rip) +
                                        (intercepted ? "/intercepted" : "/not_intercepted"),
                                .title = "L2 begins, and its first fetch is #GP.",
                                .manual = "APM2 15.5.1",
                                .steps = steps,
                                .exit = exit},
                               start);
            });
        }
    }
}

const Registration registration{instruction_pointer};

} // namespace
} // namespace vmrunit::cases
