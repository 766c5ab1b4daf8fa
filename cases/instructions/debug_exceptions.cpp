// SPDX-License-Identifier: GPL-2.0-only
// Debug exceptions around VMRUN: L1 single-steps over it or has a breakpoint on it, and what RF, IF
// and GIF do to that. The manual: APM2 15.5.1, 15.17; TF and RF: APM2 13.1.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::ExitCode;

constexpr std::uint64_t debug_exception = 1 + 1; ///< As routines report a fault.
constexpr std::uint64_t no_fault = 0;
constexpr std::uint64_t vmmcall_exit = static_cast<std::uint64_t>(ExitCode::vmmcall);
constexpr std::uint64_t refused_exit = 0xffff'ffff; ///< Other cases judge the upper half.
constexpr std::uint64_t not_run = 0x5a5a'5a5a;

void single_step(Catalogue& catalogue) {
    struct Row {
        std::string name;
        std::string_view title;
        std::uint64_t flags;
        std::uint64_t fault;
        std::uint64_t exit_code = vmmcall_exit;
        std::vector<Step> steps{};
    };
    const std::uint64_t tf = rflags::tf;
    const std::uint64_t rf = rflags::rf;
    for (const Row& row :
         {Row{"tf_clear", "Without TF nothing happens behind VMRUN.", 0, no_fault},
          Row{"tf_set", "The #DB comes behind VMRUN, after the #VMEXIT.", tf, debug_exception,
              vmmcall_exit},
          Row{"tf_and_rf", "By then RF is clear.", tf | rf, debug_exception, vmmcall_exit},
          Row{"refused",
              "After a VMRUN that was refused as well.",
              tf,
              debug_exception,
              refused_exit,
              {vmcb_field(field::guest_asid, 0)}}}) {
        CallExpectation expected;
        expected.values = {reported("fault of L1: vector + 1", row.fault),
                           reported("its RIP, from behind VMRUN", 0),
                           reported("RF that it pushed", 0),
                           reported("BS and B0 of DR6", row.fault != 0 ? svm::dr6::bs : 0),
                           reported("exit code that the VMCB holds by then", row.exit_code)};
        std::vector<Step> steps = row.steps;
        steps.emplace_back(Call{"vmrun_single_step", static_cast<std::uint32_t>(row.flags)});
        add_l1_case(catalogue, {.name = "instructions/vmrun/single_step/" + row.name,
                                .title = row.title,
                                .manual = "APM2 15.5.1",
                                .l1_modes = all_l1_modes,
                                .steps = std::move(steps),
                                .expectations = {expected}});
    }
}

void breakpoint(Catalogue& catalogue) {
    const auto row = [&](const std::string& name, std::string_view title, std::uint64_t flags,
                         std::uint64_t fault, std::uint64_t exit_code) {
        CallExpectation expected;
        expected.values = {reported("fault of L1: vector + 1", fault),
                           reported("its RIP, from VMRUN", 0),
                           reported("B0 of DR6", fault != 0 ? svm::dr6::b0 : 0),
                           reported("exit code that the VMCB holds by then", exit_code)};
        add_l1_case(catalogue,
                    {.name = "instructions/vmrun/breakpoint/" + name,
                     .title = title,
                     .manual = "APM2 15.5.1",
                     .l1_modes = all_l1_modes,
                     .steps = {Call{"vmrun_breakpoint", static_cast<std::uint32_t>(flags)}},
                     .expectations = {expected}});
    };
    row("rf_clear", "A breakpoint on VMRUN comes before it.", 0, debug_exception, not_run);
    row("rf_set", "RF keeps it quiet.", rflags::rf, no_fault, vmmcall_exit);
}

/// DR0 is L1's, DR7 the VMCB's, and RF of the VMCB is for one instruction.
void breakpoint_in_l2(Catalogue& catalogue) {
    constexpr std::uint32_t size_of_first = 3; ///< MOV of one register to another.
    const auto row = [&](const std::string& name, std::string_view title, std::uint64_t flags,
                         std::uint32_t distance, Value rip) {
        CallExpectation expected;
        expected.values = {reported("exit code", vmmcall_exit),
                           {rip, ~std::uint64_t{0}, Match::equals, "saved RIP"}};
        add_l1_case(catalogue, {.name = "instructions/vmrun/breakpoint_in_l2/" + name,
                                .title = title,
                                .manual = "APM2 15.5.1",
                                .program = "copy_rax",
                                .l1_modes = all_l1_modes,
                                .steps = {vmcb_field(field::rip, at_start),
                                          vmcb_field(field::rflags, rflags::always_one | flags),
                                          Call{"vmrun_breakpoint_in_l2", distance}},
                                .expectations = {expected}});
    };
    const Value handler = at_handler(1);
    row("first_rf_clear", "A breakpoint on L2's first instruction comes before it.", 0, 0, handler);
    row("first_rf_set", "RF keeps it quiet.", rflags::rf, 0, at_marker);
    row("second_rf_set", "RF is over behind the first instruction.", rflags::rf, size_of_first,
        handler);
}

void gif(Catalogue& catalogue) {
    for (const bool clear : {false, true}) {
        const std::string suffix = clear ? "gif_clear" : "gif_set";
        CallExpectation lost;
        lost.values = {reported("what came of the breakpoint: vector + 1",
                                clear ? no_fault : debug_exception)};
        add_l1_case(catalogue,
                    {.name = "instructions/clgi/breakpoint/" + suffix,
                     .title = "A match of the debug registers is lost while GIF is clear.",
                     .manual = "APM2 15.17",
                     .l1_modes = all_l1_modes,
                     .steps = {Call{"breakpoint_and_gif", clear ? 1u : 0u}},
                     .expectations = {lost}});
        CallExpectation taken;
        taken.values = {reported("what came of TF: vector + 1", debug_exception),
                        reported("its RIP, from the instruction", 1),
                        reported("BS of DR6", svm::dr6::bs)};
        add_l1_case(catalogue, {.name = "instructions/clgi/single_step/" + suffix,
                                .title = "A single step is taken, whatever GIF says.",
                                .manual = "APM2 15.17",
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"single_step_and_gif", clear ? 1u : 0u}},
                                .expectations = {taken}});
    }
}

void debug_exceptions(Catalogue& catalogue) {
    single_step(catalogue);
    breakpoint(catalogue);
    breakpoint_in_l2(catalogue);
    gif(catalogue);
}

const Registration registration{debug_exceptions};

} // namespace
} // namespace vmrunit::cases
