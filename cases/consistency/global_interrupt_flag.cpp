// SPDX-License-Identifier: GPL-2.0-only
// GIF is clear after every #VMEXIT, that of a refused VMRUN included: an interrupt that was pending
// all the time waits for STGI, though IF is set. Whatever it was refused for: a subject may find
// that before it has set GIF for L2, or after. APM2 15.17, 15.6.

#include "cases/consistency/violations.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

namespace vmrunit::cases {
namespace {

using svm::Feature;

CallExpectation waits_for_stgi(svm::ExitCode exit_code) {
    CallExpectation expected;
    // Other cases judge the upper half of the code.
    CallExpectation::Reported code = reported("exit code", static_cast<std::uint64_t>(exit_code));
    code.mask = 0xffff'ffff;
    expected.values = {reported("interrupts taken before STGI", 0),
                       reported("interrupts taken behind it", 1), code};
    return expected;
}

void global_interrupt_flag(Catalogue& catalogue) {
    add_l1_case(catalogue, {.name = "consistency/gif/after_exit",
                            .title = "GIF is clear after a #VMEXIT.",
                            .manual = "APM2 15.17",
                            .needs = Feature::apic,
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"vmrun_clears_gif"}},
                            .expectations = {waits_for_stgi(svm::ExitCode::vmmcall)}});
    add_l1_case(catalogue,
                {.name = "consistency/gif/after_refusal",
                 .title = "GIF is clear after a VMRUN that was refused.",
                 .manual = "APM2 15.17",
                 .needs = Feature::apic,
                 .l1_modes = all_l1_modes,
                 .steps = {vmcb_field(svm::field::guest_asid, 0), Call{"vmrun_clears_gif"}},
                 .expectations = {waits_for_stgi(svm::ExitCode::invalid)}});
    for (const Violation& violation : violations()) {
        add_l1_case(catalogue,
                    {.name = "consistency/gif/after_refusal/" + violation.name,
                     .title = "GIF is clear after a VMRUN that was refused.",
                     .manual = "APM2 15.17",
                     .needs = violation.needs | Feature::apic,
                     .mode = violation.usual_mode(),
                     .nested_paging = violation.nested_paging(),
                     .l1_modes = violation.l1_modes(),
                     .steps = join(join({vmcb_field(svm::field::rip, at_start)}, violation.steps),
                                   {Call{"vmrun_clears_gif"}}),
                     .expectations = {waits_for_stgi(svm::ExitCode::invalid)}});
    }
}

const Registration registration{global_interrupt_flag};

} // namespace
} // namespace vmrunit::cases
