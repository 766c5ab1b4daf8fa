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

constexpr std::uint64_t user_bit = 4;
constexpr std::uint64_t present_user_fetch = 0x15;

/// That of a fetch. CPUs that have the trap may report US wrongly (spec: NPF-US, erratum 1218).
ExitExpectation fetch_is_trapped(Value address, Value physical) {
    ExitExpectation fault;
    fault.exit_code = svm::ExitCode::npf;
    fault.rip = address;
    fault.fields = {{field::exit_info_1, final_address | present_user_fetch, ~user_bit},
                    {field::exit_info_1, {}, user_bit, Match::free},
                    {field::exit_info_2, physical}};
    fault.instruction_bytes = InstructionBytes::none;
    return fault;
}

/// Every nested page is the user's, so L2 fetches nothing at CPL 0. A 2-level table has no NX, and
/// the bit of a fetch is not defined with it (APM2 8.4.2).
void execute_trap(Catalogue& catalogue, L1Mode l1) {
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
        row("supervisor_fetch", "CPL 0 cannot execute a page of the user.", {mode, 0, true, l1},
            fetch_is_trapped(at_start, at_start));
        row("user_fetch", "CPL 3 can.", {mode, 3, true, l1}, program_ends());
    }
}

/// L2 begins in a page of its own, which holds a VMMCALL; its tables and its stack are in the
/// usual ones.
void trapped_page(Catalogue& catalogue, const L2Start& start, NestedLevel level) {
    struct Page {
        std::string_view name;
        std::string_view title;
        std::uint64_t set;
        std::uint64_t cleared;
        bool is_executable;
        bool trap = true;
    };
    for (const Page& page : {
             Page{"user_page", "A page of the user: CPL 3 executes it, and no other does.", 0, 0,
                  start.cpl == 3},
             Page{"supervisor_page", "A page of the supervisor is executed at any CPL.", 0,
                  world::user, true},
             Page{"no_execute", "NX is asked at any CPL.", no_execute, 0, false},
             Page{"no_execute_supervisor", "NX is asked of the supervisor's pages, too.",
                  no_execute, world::user, false},
             Page{"disabled_user_page", "Without the trap any CPL executes a page of the user.", 0,
                  0, true, false},
             Page{"disabled_supervisor_page", "Without the trap none executes any other.", 0,
                  world::user, false, false},
         }) {
        const Value address = second_address(level, l2_data_offset);
        std::vector<Step> steps = second_way(level, start.l1, page.set, page.cleared);
        steps.emplace_back(l2_data_bytes(0, 4, 0x00d9'010f));
        steps.emplace_back(vmcb_field(field::rip, address));
        if (page.trap) {
            steps.emplace_back(vmcb_set(field::nested_control, NestedControl::gmet_enable.mask()));
        }
        ExitExpectation permitted = program_ends();
        permitted.rip = address;
        permitted.next_rip = Value{address.anchor, address.part, address.number + 3};
        add_guest_case(
            catalogue,
            {.name = "npt/gmet/" + std::string{name_of(level)} + "/" + std::string{page.name},
             .title = page.title,
             .manual = "APM2 15.25.13",
             .needs = Feature::gmet | needs_of(level),
             .steps = std::move(steps),
             .exit = page.is_executable
                         ? permitted
                         : fetch_is_trapped(address, guest_physical(level, l2_data_offset)),
             .l1_modes = only(start.l1)},
            start);
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
        for (const L2Mode mode : paged_modes) {
            for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
                for (const NestedLevel level : {NestedLevel::leaf_4k, NestedLevel::leaf_2m}) {
                    trapped_page(catalogue, {mode, cpl, true, l1}, level);
                }
            }
        }
    }
    for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae, L1Mode::legacy}) {
        read_only_tables(catalogue, l1);
    }
}

const Registration registration{nested_controls};

} // namespace
} // namespace vmrunit::cases
