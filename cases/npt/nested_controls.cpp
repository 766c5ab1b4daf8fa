// SPDX-License-Identifier: GPL-2.0-only
// Bits of 090h that change what nested tables permit: guest-mode execute trap, by which no page of
// the user is the supervisor's to execute (spec: NPT-GMET), and read-only guest page tables, by
// which a walk writes only where it has A or D to set (NPT-ROGPT). No target here has them.
// APM2 15.25, 15.25.13.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/nested_page.hpp"

#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::NestedControl;

/// Every nested page is the user's, so L2 fetches nothing at CPL 0. A 2-level table has no NX, and
/// the bit of a fetch is not defined with it (APM2 8.4.2).
void execute_trap(Catalogue& catalogue, L1Mode l1) {
    constexpr std::uint64_t present_user_fetch = 0x15;
    const auto row = [&](std::string_view name, std::string_view title, const L2Start& start,
                         ExitExpectation exit) {
        add_guest_case(
            catalogue,
            {.name = "npt/gmet/" + std::string{name},
             .title = title,
             .manual = "APM2 15.25.13",
             .needs = Feature::gmet,
             .steps = {vmcb_set(field::nested_control, NestedControl::gmet_enable.mask())},
             .exit = std::move(exit),
             .l1_modes = only(l1)},
            start);
    };
    for (const L2Mode mode : paged_modes) {
        ExitExpectation fault;
        fault.exit_code = svm::ExitCode::npf;
        fault.rip = at_start;
        fault.fields = {{field::exit_info_1, final_address | present_user_fetch},
                        {field::exit_info_2, at_start}};
        fault.instruction_bytes = InstructionBytes::none;
        row("supervisor_fetch", "CPL 0 cannot execute a page of the user.", {mode, 0, true, l1},
            fault);
        row("user_fetch", "CPL 3 can.", {mode, 3, true, l1}, program_ends());
    }
}

/// L2's topmost table lies in a page that is read-only.
void read_only_tables(Catalogue& catalogue, L1Mode l1) {
    constexpr std::uint64_t refused_write = 7; // P, RW and US.
    const std::uint64_t read_only = entry_bits & ~world::writable;
    const auto row = [&](std::string_view name, std::string_view title, L2Mode mode,
                         std::vector<Step> setup, ExitExpectation exit) {
        std::vector<Step> steps = nested_page(l1, Region::pml4, read_only);
        steps.insert(steps.end(), setup.begin(), setup.end());
        steps.emplace_back(vmcb_field(field::cr3, second_way_begin));
        steps.emplace_back(vmcb_set(field::nested_control, NestedControl::rogpt_enable.mask()));
        add_guest_case(catalogue,
                       {.name = "npt/read_only_tables/" + std::string{name},
                        .title = title,
                        .manual = "APM2 15.25",
                        .needs = Feature::rogpt,
                        .steps = std::move(steps),
                        .exit = std::move(exit),
                        .l1_modes = only(l1)},
                       {mode, 0, true, l1});
    };
    for (const L2Mode mode : {L2Mode::long64, L2Mode::compat}) {
        row("accessed", "A walk that finds A set does not write.", mode, {}, program_ends());
        // Every program lies in the first entry of its topmost table.
        row("not_accessed", "One that has to set A does.", mode,
            {Write{wire::Op::Code::clear_bits, Region::pml4, 0, 8, world::accessed}},
            walk_fault(refused_write, second_way_begin));
    }
}

void nested_controls(Catalogue& catalogue) {
    for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae}) {
        execute_trap(catalogue, l1);
    }
    for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae, L1Mode::legacy}) {
        read_only_tables(catalogue, l1);
    }
}

const Registration registration{nested_controls};

} // namespace
} // namespace vmrunit::cases
