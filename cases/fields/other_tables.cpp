// SPDX-License-Identifier: GPL-2.0-only
// L2 on tables that are not the usual ones: a second topmost table with the content of the first,
// which it begins with or loads; one more level above; and tables that are the supervisor's, which
// it needs to run with SMEP. APM2 5.3, 5.6.5, 15.5.1, 15.6.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

constexpr Value second_root = in_region(Region::legacy_pt);
/// The payload lies in so much memory.
constexpr std::uint32_t payload_megabytes = 32;

Write entry(Region table, std::uint32_t index, Value value) {
    return {wire::Op::Code::write, table, index * 8, 8, value};
}

/// A page that no mode of these uses, as another topmost table.
std::vector<Step> second_table(L2Mode mode) {
    if (is_long_mode(mode)) {
        return {entry(Region::legacy_pt, 0, in_region(Region::pdpt, world::table_bits))};
    }
    std::vector<Step> steps;
    if (mode == L2Mode::pae) {
        for (std::uint32_t gigabyte = 0; gigabyte < 4; ++gigabyte) {
            steps.emplace_back(entry(Region::legacy_pt, gigabyte,
                                     in_region(Region::pd, gigabyte * page_size + world::present)));
        }
        return steps;
    }
    for (std::uint64_t page = 0; page < payload_megabytes / 4; ++page) {
        steps.emplace_back(Write{wire::Op::Code::write, Region::legacy_pt,
                                 static_cast<std::uint32_t>(page * 4), 4,
                                 page << 22 | world::leaf_bits});
    }
    return steps;
}

std::vector<Step> with(std::vector<Step> steps, Step last) {
    steps.push_back(std::move(last));
    return steps;
}

ExitExpectation shows(Value value, L2Mode mode) {
    ExitExpectation exit = program_ends();
    exit.registers = {
        {Register::rbx, value, mode == L2Mode::long64 ? ~std::uint64_t{0} : 0xffff'ffff}};
    return exit;
}

void second_roots(Catalogue& catalogue, const L2Start& start) {
    const std::vector<Step> tables = second_table(start.mode);
    const std::string name = "fields/" + name_of(field::cr3);
    add_guest_case(catalogue,
                   {.name = name + "/loaded/other_table",
                    .title = "L2 runs on the table of the VMCB, and the exit stores its address.",
                    .manual = "APM2 15.5.1",
                    .program = "read_cr3",
                    .steps = with(tables, vmcb_field(field::cr3, second_root)),
                    .exit = shows(second_root, start.mode)},
                   start);
    ExitExpectation stored = program_ends();
    stored.fields = {{field::cr3, second_root}};
    add_guest_case(catalogue,
                   {.name = name + "/stored/other_table",
                    .title = "The exit stores the address of the table that L2 loaded.",
                    .manual = "APM2 15.6",
                    .program = "write_cr3",
                    .steps = with(tables, l2_register(Register::rbx, second_root)),
                    .exit = std::move(stored)},
                   start);
}

/// CR4.LA57 cannot change in long mode, so it is the VMCB that brings it.
void five_levels(Catalogue& catalogue, const L2Start& start) {
    const std::uint64_t cr4 = world::mode_registers(start.mode).cr4 | svm::cr4::la57;
    add_guest_case(
        catalogue,
        {.name = "fields/" + name_of(field::cr4) + "/loaded/la57_set",
         .title = "L2's tables have five levels.",
         .manual = "APM2 5.3.3",
         .needs = Feature::la57,
         .program = "read_cr4",
         .steps = {entry(Region::legacy_pt, 0, in_region(Region::pml4, world::table_bits)),
                   vmcb_field(field::cr3, second_root), vmcb_field(field::cr4, cr4)},
         .exit = shows(cr4, start.mode)},
        start);
}

/// All that L2 uses becomes the supervisor's.
std::vector<Step> supervisor_tables(L2Mode mode) {
    const bool is_legacy = mode == L2Mode::prot32;
    const Region table = is_legacy ? Region::legacy_pd : Region::pd;
    const std::uint32_t size = is_legacy ? 4 : 8;
    std::vector<Step> steps;
    for (std::uint32_t page = 0; page < payload_megabytes / (is_legacy ? 4 : 2); ++page) {
        steps.emplace_back(Write{wire::Op::Code::clear_bits, table, page * size, 1, world::user});
    }
    return steps;
}

void execution_prevention(Catalogue& catalogue, const L2Start& start) {
    const std::uint64_t cr4 = world::mode_registers(start.mode).cr4 | svm::cr4::smep;
    const std::string name = "fields/" + name_of(field::cr4);
    const std::vector<Step> tables = supervisor_tables(start.mode);
    add_guest_case(catalogue,
                   {.name = name + "/loaded/smep_set",
                    .title = "L2 sees the value of the VMCB, and the exit stores it.",
                    .manual = "APM2 5.6.5",
                    .needs = Feature::smep,
                    .program = "read_cr4",
                    .steps = with(tables, vmcb_field(field::cr4, cr4)),
                    .exit = shows(cr4, start.mode)},
                   start);
    ExitExpectation stored = program_ends();
    stored.fields = {{field::cr4, cr4}};
    add_guest_case(catalogue,
                   {.name = name + "/stored/smep_set",
                    .title = "The exit stores what L2 wrote.",
                    .manual = "APM2 15.6",
                    .needs = Feature::smep,
                    .program = "write_cr4",
                    .steps = with(tables, l2_register(Register::rbx, cr4)),
                    .exit = std::move(stored)},
                   start);
    // The program lies in a user's page, where a fetch of the supervisor is now a fault.
    constexpr std::uint64_t protection_fetch = 0x11;
    ExitExpectation fault;
    fault.exit_code = svm::ExitCode::exception_pf;
    fault.rip = at_start;
    fault.fields = {{field::exit_info_1, protection_fetch}, {field::exit_info_2, at_start}};
    fault.instruction_bytes = InstructionBytes::none;
    add_guest_case(
        catalogue,
        {.name = name + "/used/smep_user_page",
         .title = "L2 may not execute a user's page.",
         .manual = "APM2 5.6.5",
         .needs = Feature::smep,
         .steps = {vmcb_field(field::cr4, cr4), intercepting(svm::Intercept::exception_pf)},
         .exit = std::move(fault)},
        start);
}

void other_tables(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        each_paging(mode, [&](const L2Start& start) {
            second_roots(catalogue, start);
            execution_prevention(catalogue, start);
            if (is_long_mode(mode)) {
                five_levels(catalogue, start);
            }
        });
    }
}

const Registration registration{other_tables};

} // namespace
} // namespace vmrunit::cases
