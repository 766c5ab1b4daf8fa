// SPDX-License-Identifier: GPL-2.0-only
// FERR_FREEZE: with CR0.NE clear an unmasked x87 exception is no #MF; at the next waiting x87
// instruction the processor says FERR, freezes and waits for the interrupt that an 8259 makes of
// that. The intercept takes the place of the freeze, which an interrupt that is intercepted ends by
// an exit of its own. APM2 8.2, 15.14.2.

#include "cases/intercept/register_access.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.14.2";
constexpr std::uint64_t all_masked = 0x37f;
constexpr std::uint64_t invalid_unmasked = all_masked & ~1u; ///< What the program raises.

/// The program loads its control word from L2's data.
std::vector<Step> control_word(std::uint64_t word) {
    return {l2_register(Register::rdi, l2_data), l2_data_bytes(0, 2, word)};
}

std::vector<Step> legacy_reporting(std::vector<Step> setup) {
    setup.emplace_back(vmcb_clear(field::cr0, svm::cr0::ne));
    return setup;
}

/// Without the intercept L2 freezes where it would report, until the timer of L1 fires.
void frozen(Catalogue& catalogue, bool all_others) {
    const Value interruptible = svm::rflags::always_one | svm::rflags::if_;
    std::vector<Step> steps = legacy_reporting(control_word(invalid_unmasked));
    steps.insert(steps.end(), {vmcb_field(field::rip, at_start), vmcb_field(field::rax, l2_data),
                               vmcb_field(field::rflags, interruptible)});
    if (all_others) {
        const std::vector<Step> others = all_other_intercepts(Intercept::ferr_freeze);
        steps.insert(steps.end(), others.begin(), others.end());
    }
    steps.insert(steps.end(), {intercepting(Intercept::intr), Call{"vmrun_with_timer", 0}});
    CallExpectation expected;
    expected.values = {reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::intr)),
                       {at_insn, ~std::uint64_t{0}, Match::equals, "saved RIP"},
                       reported("interrupts that L1 took before STGI", 0),
                       reported("interrupts that L1 took behind it", 1)};
    const InterceptUse::Kind kind =
        all_others ? InterceptUse::Kind::not_taken_all_others : InterceptUse::Kind::not_taken;
    const std::string name = "intercept/ferr_freeze/timer/not_taken";
    for (const bool nested_paging : {true, false}) {
        add_l1_case(catalogue, {.name = name + (all_others ? "_all_others" : ""),
                                .title = "The timer's interrupt exits out of the freeze.",
                                .manual = manual,
                                .needs = svm::Feature::apic,
                                .program = "raise_mf",
                                .nested_paging = nested_paging,
                                .l1_modes = all_l1_modes,
                                .steps = steps,
                                .expectations = {expected},
                                .named_by_paging = true,
                                .intercepts = {{Intercept::ferr_freeze, kind}}});
    }
}

void x87_freeze(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    // clang-format off
    table.row({.subject = "ferr_freeze", .program = "raise_mf", .intercept = Intercept::ferr_freeze,
               .manual = manual, .cpl3 = AtCpl3::same,
               .setup = legacy_reporting(control_word(invalid_unmasked)),
               .runs_without_intercept = false});
    // #MF is another way of reporting, not one that comes after.
    table.row({.subject = "ferr_freeze", .variant = "numeric_error", .program = "raise_mf",
               .intercept = Intercept::ferr_freeze, .manual = manual, .cpl3 = AtCpl3::same,
               .setup = control_word(invalid_unmasked),
               .reach = Reach::exception_first, .raises = Delivery{.vector = 16}});
    table.row({.subject = "ferr_freeze", .variant = "masked", .program = "raise_mf",
               .intercept = Intercept::ferr_freeze, .manual = manual, .cpl3 = AtCpl3::same,
               .setup = legacy_reporting(control_word(all_masked)),
               .reach = Reach::not_covered});
    // An instruction that may not be executed has nothing to report.
    const Value task_switched = fresh_cr0 | svm::cr0::ts;
    std::vector<Step> switches = legacy_reporting(control_word(invalid_unmasked));
    switches.emplace_back(l2_register(
        Register::rbx, (fresh_cr0 & svm::cr0::pe) | (svm::cr0::mp | svm::cr0::ts)));
    table.row({.subject = "ferr_freeze", .variant = "not_available",
               .program = "raise_nm_before_mf", .intercept = Intercept::ferr_freeze,
               .manual = manual, .modes = loads_cr0, .setup = switches,
               .prologue = {.fields = {{field::cr0, task_switched & ~svm::cr0::ne}}},
               .reach = Reach::exception_first, .raises = Delivery{.vector = 7}});
    // clang-format on
    frozen(catalogue, false);
    frozen(catalogue, true);
}

const Registration registration{x87_freeze};

} // namespace
} // namespace vmrunit::cases
