// SPDX-License-Identifier: GPL-2.0-only
// What of shadow stacks the VMCB holds: CR4.CET, S_CET, SSP and ISST_ADDR, which VMRUN loads and
// #VMEXIT stores. L2's program touches no shadow stack, so none need be in memory. What a shadow
// stack does: intercept/control_protection.cpp. No target here has them.
// APM2 15.5.1, 15.6, 18.2.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

constexpr std::uint64_t enabled = 1;        ///< SH_STK_EN of S_CET.
constexpr std::uint64_t writes_enabled = 2; ///< WR_SHSTK_EN.
constexpr std::uint64_t fresh_cr4 = world::mode_registers(L2Mode::long64).cr4;
const Step with_cet = vmcb_set(field::cr4, svm::cr4::cet);

struct Row {
    svm::FieldRef place;
    std::string what; ///< Behind the name of the field: "loaded/1".
    std::string_view title;
    std::string_view program;
    std::vector<Step> steps;
    ExitExpectation exit;
};

void add(Catalogue& catalogue, const Row& row,
         const std::source_location& where = std::source_location::current()) {
    const bool is_stored = row.what.starts_with("stored");
    each_paging(L2Mode::long64, [&](const L2Start& start) {
        add_guest_case(catalogue,
                       {.name = "fields/" + name_of(row.place) + "/" + row.what,
                        .title = row.title,
                        .manual = is_stored ? "APM2 15.6, 18.2" : "APM2 15.5.1, 18.2",
                        .needs = Feature::cet_ss,
                        .program = row.program,
                        .steps = row.steps,
                        .exit = row.exit},
                       start, where);
    });
}

/// What RDMSR and WRMSR of L2 see of it. Shadow stacks of CPL 0 are on where the value says so, and
/// VMMCALL, which ends the program, uses none.
void by_msr(Catalogue& catalogue, svm::FieldRef place, std::uint32_t number, std::uint64_t value) {
    ExitExpectation seen = program_ends();
    seen.fields = {{field::rax, value & 0xffff'ffff}};
    seen.registers = {{Register::rdx, value >> 32}};
    add(catalogue,
        {.place = place,
         .what = "loaded/" + hex_name(value),
         .title = "L2 sees the value of the VMCB.",
         .program = "rdmsr",
         .steps = {with_cet, vmcb_field(place, value), l2_register(Register::rcx, number)},
         .exit = seen});
    seen.fields.push_back({place, value});
    add(catalogue, {.place = place,
                    .what = "stored/" + hex_name(value),
                    .title = "The exit stores what L2 wrote.",
                    .program = "wrmsr",
                    .steps = {with_cet, l2_register(Register::rcx, number),
                              l2_register(Register::rax, value & 0xffff'ffff),
                              l2_register(Register::rdx, value >> 32)},
                    .exit = std::move(seen)});
}

/// RDSSP is a NOP while shadow stacks are off.
void shadow_stack_pointer(Catalogue& catalogue) {
    for (const std::uint64_t value :
         {std::uint64_t{0x1234'5678}, std::uint64_t{0xffff'8000'0000'1000}}) {
        ExitExpectation seen = program_ends();
        seen.registers = {{Register::rbx, value}};
        add(catalogue,
            {.place = field::ssp,
             .what = "loaded/" + hex_name(value),
             .title = "L2 reads the shadow stack pointer of the VMCB.",
             .program = "rdssp",
             .steps = {with_cet, vmcb_field(field::s_cet, enabled), vmcb_field(field::ssp, value)},
             .exit = std::move(seen)});
        add(catalogue, {.place = field::ssp,
                        .what = "not_used/" + hex_name(value),
                        .title = "With S_CET clear RDSSP reads none.",
                        .program = "rdssp",
                        .steps = {with_cet, vmcb_field(field::ssp, value)},
                        .exit = program_ends()});
    }
}

void control_bit(Catalogue& catalogue) {
    constexpr std::uint64_t value = fresh_cr4 | svm::cr4::cet;
    ExitExpectation seen = program_ends();
    seen.registers = {{Register::rbx, value}};
    add(catalogue, {.place = field::cr4,
                    .what = "loaded/cet_set",
                    .title = "L2 sees the value of the VMCB.",
                    .program = "read_cr4",
                    .steps = {vmcb_field(field::cr4, value)},
                    .exit = std::move(seen)});
    ExitExpectation written = program_ends();
    written.fields = {{field::cr4, value}};
    add(catalogue, {.place = field::cr4,
                    .what = "stored/cet_set",
                    .title = "The exit stores what L2 wrote.",
                    .program = "write_cr4",
                    .steps = {l2_register(Register::rbx, value)},
                    .exit = std::move(written)});
}

void shadow_stacks(Catalogue& catalogue) {
    for (const std::uint64_t value :
         {std::uint64_t{0}, enabled, writes_enabled, enabled | writes_enabled}) {
        by_msr(catalogue, field::s_cet, svm::msr::s_cet, value);
    }
    for (const std::uint64_t value : {std::uint64_t{0x1234'5678}, std::uint64_t{0x7fff'ffff'fff8},
                                      std::uint64_t{0xffff'8000'0000'1000}}) {
        by_msr(catalogue, field::isst_addr, svm::msr::isst_addr, value);
    }
    shadow_stack_pointer(catalogue);
    control_bit(catalogue);
}

const Registration registration{shadow_stacks};

} // namespace
} // namespace vmrunit::cases
