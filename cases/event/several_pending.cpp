// SPDX-License-Identifier: GPL-2.0-only
// Several events that wait for VMRUN to set GIF: the one of the highest priority is L2's or exits,
// and none of the others is lost or doubled. An SMI comes before an NMI and that before an
// interrupt. APM2 8.5, 15.13, 15.17.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;
using svm::Intercept;

// As vmrun_with_events reads its argument.
constexpr std::uint32_t interrupt = 1;
constexpr std::uint32_t nmi = 2;
constexpr std::uint32_t smi = 4;

/// Of interrupts, NMIs and SMIs.
using Counts = std::array<std::uint64_t, 3>;

struct Row {
    std::string name;
    std::uint32_t sent;
    std::vector<Intercept> intercepted;
    bool masking; ///< V_INTR_MASKING: L1's IF, which is set, admits interrupts.
    ExitCode exit_code;
    Value rip;
    Counts before_stgi;
    Counts behind_stgi;
};

void add(Catalogue& catalogue, const Row& row,
         const std::source_location& where = std::source_location::current()) {
    CallExpectation expected;
    expected.values = {reported("exit code", static_cast<std::uint64_t>(row.exit_code)),
                       {row.rip, ~std::uint64_t{0}, Match::equals, "saved RIP"}};
    for (const auto& [when, counts] : {std::pair{" before STGI", row.before_stgi},
                                       std::pair{" by the time behind it", row.behind_stgi}}) {
        expected.values.push_back(reported(std::string{"interrupts"} + when, counts[0]));
        expected.values.push_back(reported(std::string{"NMIs"} + when, counts[1]));
        expected.values.push_back(reported(std::string{"SMIs"} + when, counts[2]));
    }
    svm::Features needs = Feature::apic;
    if ((row.sent & smi) != 0) {
        needs.set(Feature::smm_in_memory);
    }
    for (const bool nested_paging : {true, false}) {
        std::vector<Step> steps{vmcb_field(field::rip, at_start),
                                vmcb_set(field::rflags, svm::rflags::if_)};
        for (const Intercept intercept : row.intercepted) {
            steps.emplace_back(intercepting(intercept));
        }
        if (row.masking) {
            steps.emplace_back(
                vmcb_set(field::virtual_interrupt, svm::VirtualInterrupt::v_intr_masking.mask()));
        }
        steps.emplace_back(Call{"vmrun_with_events", row.sent});
        add_l1_case(catalogue,
                    {.name = "event/several_pending/" + row.name,
                     .title = "The first one is taken, and none is lost or doubled.",
                     .manual = "APM2 8.5, 15.13",
                     .needs = needs,
                     .nested_paging = nested_paging,
                     .l1_modes = all_l1_modes,
                     .steps = std::move(steps),
                     .expectations = {expected},
                     .named_by_paging = true},
                    where);
    }
}

// clang-format off
void several_pending(Catalogue& catalogue) {
    const auto row = [&](const Row& one, const std::source_location& where = std::source_location::current()) {
        add(catalogue, one, where);
    };
    const Value in_nmi_handler = at_handler(2);
    row({"none", 0, {Intercept::intr, Intercept::nmi, Intercept::smi}, false,
         ExitCode::vmmcall, at_marker, {0, 0, 0}, {0, 0, 0}});
    row({"nmi_interrupt/intercepted", nmi | interrupt, {Intercept::nmi, Intercept::intr}, false,
         ExitCode::nmi, at_start, {0, 0, 0}, {1, 1, 0}});
    row({"nmi_interrupt/only_nmi_intercepted", nmi | interrupt, {Intercept::nmi}, false,
         ExitCode::nmi, at_start, {0, 0, 0}, {1, 1, 0}});
    // The gate of the NMI clears IF, so the interrupt stays L1's; with V_INTR_MASKING it is not that
    // IF that counts, and the interrupt exits before the handler's first instruction.
    row({"nmi_interrupt/only_interrupt_intercepted", nmi | interrupt, {Intercept::intr}, false,
         ExitCode::vmmcall, in_nmi_handler, {0, 0, 0}, {1, 0, 0}});
    row({"nmi_interrupt/only_interrupt_intercepted_masking", nmi | interrupt, {Intercept::intr}, true,
         ExitCode::intr, in_nmi_handler, {0, 0, 0}, {1, 0, 0}});
    row({"nmi_interrupt/not_intercepted", nmi | interrupt, {}, false,
         ExitCode::vmmcall, in_nmi_handler, {0, 0, 0}, {1, 0, 0}});
    row({"all/intercepted", smi | nmi | interrupt, {Intercept::smi, Intercept::nmi, Intercept::intr}, false,
         ExitCode::smi, at_start, {0, 0, 0}, {1, 1, 1}});
    row({"all/smi_not_intercepted", smi | nmi | interrupt, {Intercept::nmi, Intercept::intr}, false,
         ExitCode::nmi, at_start, {0, 0, 1}, {1, 1, 1}});
    row({"all/not_intercepted", smi | nmi | interrupt, {}, false,
         ExitCode::vmmcall, in_nmi_handler, {0, 0, 1}, {1, 0, 1}});
    row({"smi_interrupt/smi_not_intercepted", smi | interrupt, {Intercept::intr}, false,
         ExitCode::intr, at_start, {0, 0, 1}, {1, 0, 1}});
}
// clang-format on

/// Two interrupts of the machine: the higher vector is L2's, and the other one waits in the APIC
/// for its end of interrupt, whatever IF says; L1 has it then. One that exits is L1's like the
/// other, the higher one first.
void two_interrupts(Catalogue& catalogue, const L2Start& start) {
    constexpr std::uint32_t both = 3; // As pend_own_event reads its argument.
    constexpr std::uint32_t l1_takes_interrupts = 0x10;
    constexpr std::uint8_t lower = 0x51;
    constexpr std::uint8_t higher = 0x61;
    constexpr std::uint64_t enabled = svm::rflags::always_one | svm::rflags::if_;
    for (const bool intercepted : {true, false}) {
        for (const bool masking : {false, true}) {
            std::vector<Step> steps{vmcb_set(field::rflags, svm::rflags::if_)};
            ExitExpectation exit =
                delivered(start, {.vector = higher, .return_rip = at_start, .rflags = enabled});
            if (intercepted) {
                steps.emplace_back(intercepting(Intercept::intr));
                exit = {.exit_code = ExitCode::intr, .rip = at_start};
            }
            if (masking) {
                steps.emplace_back(vmcb_set(field::virtual_interrupt,
                                            svm::VirtualInterrupt::v_intr_masking.mask()));
            }
            steps.emplace_back(Call{"pend_own_event", both | (masking ? l1_takes_interrupts : 0)});
            CallExpectation count;
            count.values = {reported("interrupts that L1 got", intercepted ? 2 : 1)};
            CallExpectation last;
            last.values = {reported("vector of the last one", lower)};
            add_guest_case(catalogue,
                           {.name = std::string{"event/several_pending/two_interrupts/"} +
                                    (intercepted ? "intercepted" : "not_intercepted") +
                                    (masking ? "_masking" : ""),
                            .title = "The higher vector is first, and the lower one is not lost.",
                            .manual = "APM2 8.5, 16.6.3",
                            .needs = Feature::apic,
                            .steps = std::move(steps),
                            .exit = std::move(exit),
                            .then = {Call{"count_own_event"}, Call{"last_own_vector"}},
                            .then_expected = {count, last}},
                           start);
        }
    }
}

void all_pending(Catalogue& catalogue) {
    several_pending(catalogue);
    each_start([&](const L2Start& start) { two_interrupts(catalogue, start); });
}

const Registration registration{all_pending};

} // namespace
} // namespace vmrunit::cases
