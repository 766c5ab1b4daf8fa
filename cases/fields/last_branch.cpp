// SPDX-License-Identifier: GPL-2.0-only
// Last-branch-record virtualization: five MSRs that VMRUN loads from the VMCB and #VMEXIT stores
// there, and that without it L1 and L2 share. L2's code has segments that begin at 0, so a RIP is
// the linear address that a record holds. APM2 13.1.1, 15.23.
//
// What the exception records hold depends on what came before the exception, about which sources
// say too little: that they are written is all these rows ask for.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::LbrControl;
using svm::debug_ctl::btf;
using svm::debug_ctl::lbr;

Write enabled() {
    return vmcb_set(field::lbr_control, LbrControl::lbr_virtualization_enable.mask());
}

/// Of a record that a CPU has made: the bits above may say more about the branch.
constexpr std::uint64_t address_bits = 0x01ff'ffff'ffff'ffff;

struct Record {
    svm::FieldRef place;
    std::uint32_t msr;
};
constexpr Record records[] = {
    {field::br_from, svm::msr::br_from},
    {field::br_to, svm::msr::br_to},
    {field::last_excp_from, svm::msr::last_excp_from},
    {field::last_excp_to, svm::msr::last_excp_to},
};

void add(Catalogue& catalogue, const L2Start& start, GuestRow row,
         const std::source_location& where = std::source_location::current()) {
    row.name = "fields/" + row.name;
    row.manual = "APM2 15.23";
    row.needs.set(Feature::lbrv);
    add_guest_case(catalogue, row, start, where);
}

/// While DBGCTL.LBR is clear nothing writes them, so they go back as they came.
void loaded(Catalogue& catalogue, const L2Start& start) {
    const auto shows = [&](const Record& one, std::uint64_t value) {
        ExitExpectation exit = program_ends();
        exit.fields = {{field::rax, value & 0xffff'ffff}};
        exit.registers = {{Register::rdx, value >> 32}};
        add(catalogue, start,
            {.name = name_of(one.place) + "/loaded/" + hex_name(value),
             .title = "L2 sees the value of the VMCB, and the exit stores it.",
             .program = "rdmsr",
             .steps = {enabled(), vmcb_field(one.place, value),
                       l2_register(Register::rcx, one.msr)},
             .exit = std::move(exit)});
    };
    for (const Record& one : records) {
        shows(one, 0x1234'5678);
        shows(one, 0x7fff'8765'4321);
    }
    shows({field::dbgctl, svm::msr::debug_ctl}, lbr);
    shows({field::dbgctl, svm::msr::debug_ctl}, btf);
}

void control_stored(Catalogue& catalogue, const L2Start& start) {
    for (const std::uint64_t value : {lbr, btf}) {
        ExitExpectation exit = program_ends();
        exit.fields = {{field::dbgctl, value}, {field::rax, value}};
        exit.registers = {{Register::rdx, 0}};
        for (const Record& one : records) {
            exit.fields.push_back({one.place, {}, ~std::uint64_t{0}, Match::free});
        }
        add(catalogue, start,
            {.name = name_of(field::dbgctl) + "/stored/" + hex_name(value),
             .title = "The exit stores what L2 wrote.",
             .program = "wrmsr",
             .steps = {enabled(), l2_register(Register::rcx, svm::msr::debug_ctl),
                       l2_register(Register::rax, value), l2_register(Register::rdx, 0)},
             .exit = std::move(exit)});
    }
}

void branches(Catalogue& catalogue, const L2Start& start) {
    const std::vector<Step> stale{enabled(), vmcb_field(field::br_from, 0x1111'1110),
                                  vmcb_field(field::br_to, 0x2222'2220),
                                  vmcb_field(field::last_excp_from, 0x3333'3330),
                                  vmcb_field(field::last_excp_to, 0x4444'4440)};
    std::vector<Step> recording = stale;
    recording.emplace_back(vmcb_field(field::dbgctl, lbr));

    ExitExpectation taken = program_ends();
    taken.fields = {{field::br_from, at_insn, address_bits},
                    {field::br_to, at_marker, address_bits}};
    add(catalogue, start,
        {.name = name_of(field::br_from) + "/stored/branch",
         .title = "The exit stores the last branch of L2.",
         .program = "branch",
         .steps = recording,
         .exit = std::move(taken),
         .covers = {"field/save.br_from/stored", "field/save.br_to/stored"}});
    add(catalogue, start,
        {.name = name_of(field::br_from) + "/stored/not_recording",
         .title = "With DBGCTL.LBR clear no branch is recorded.",
         .program = "branch",
         .steps = stale,
         .exit = program_ends()});
    ExitExpectation handled = delivered(start, {.vector = 6});
    for (const svm::FieldRef place : {field::last_excp_from, field::last_excp_to}) {
        handled.fields.push_back({place, {}, ~std::uint64_t{0}, Match::changed});
    }
    add(catalogue, start,
        {.name = name_of(field::last_excp_from) + "/stored/exception",
         .title = "An exception that L2 takes is recorded.",
         .program = "raise_ud_behind_branch",
         .steps = recording,
         .exit = std::move(handled)});
}

/// L2 records a branch, leaves DBGCTL as the row says, and L1 looks at its own MSRs.
void beside_l1(Catalogue& catalogue) {
    const auto any = [](std::string what) {
        CallExpectation::Reported value = reported(std::move(what), 0);
        value.match = Match::free;
        return value;
    };
    const auto at = [](std::string what, Value where) {
        CallExpectation::Reported value = reported(std::move(what), 0);
        value.value = where;
        value.mask = address_bits;
        return value;
    };
    // From L1's own branch.
    const auto differs = [](std::string what) {
        CallExpectation::Reported value = reported(std::move(what), 0);
        value.mask = address_bits;
        return value;
    };
    for (const std::uint64_t left : {std::uint64_t{0}, btf}) {
        for (const bool own : {false, true}) {
            // Two instructions before the marker.
            constexpr Value target{Anchor::marker, 0, ~std::uint64_t{3}};
            const std::string l2_from = "from of L2's branch";
            const std::string l2_to = "to of L2's branch";
            CallExpectation seen;
            seen.values = {
                differs("from of L1's branch differs by"),
                differs("to of L1's branch differs by"),
                reported("DBGCTL after the #VMEXIT", own ? 0 : left),
                own ? any("from after the #VMEXIT") : at(l2_from + ", in the MSR", at_insn),
                own ? any("to after the #VMEXIT") : at(l2_to + ", in the MSR", target),
                own ? differs("from after the #VMEXIT differs from L1's by")
                    : any("from after the #VMEXIT against L1's"),
                own ? differs("to after the #VMEXIT differs from L1's by")
                    : any("to after the #VMEXIT against L1's"),
                reported("DBGCTL of the VMCB", own ? left : 0),
                own ? at(l2_from + ", in the VMCB", at_insn) : reported("from of the VMCB", 0),
                own ? at(l2_to + ", in the VMCB", target) : reported("to of the VMCB", 0)};
            std::vector<Step> steps{vmcb_field(field::rip, at_start), vmcb_field(field::rax, left)};
            if (own) {
                steps.emplace_back(enabled());
            }
            steps.emplace_back(Call{"last_branch_around_l2"});
            add_l1_case(catalogue,
                        {.name = std::string{"fields/last_branch/"} + (own ? "own" : "shared") +
                                 (left != 0 ? "_control_left" : ""),
                         .title = own ? "L1 does not notice what L2 records."
                                      : "L2's branch is in the MSRs that L1 reads.",
                         .manual = "APM2 15.23",
                         .needs = Feature::lbrv,
                         .program = "record_branch",
                         .l1_modes = all_l1_modes,
                         .steps = std::move(steps),
                         .expectations = {seen}});
        }
    }
}

void last_branch(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        each_paging(mode, [&](const L2Start& start) {
            loaded(catalogue, start);
            control_stored(catalogue, start);
            branches(catalogue, start);
        });
    }
    beside_l1(catalogue);
}

const Registration registration{last_branch};

} // namespace
} // namespace vmrunit::cases
