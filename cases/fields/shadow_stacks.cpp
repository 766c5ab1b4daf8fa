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
    svm::Features without{}; ///< See Case::without.
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
                        .without = row.without,
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

/// VMRUN extends bit 47 to all above it. Which bit that is on a CPU with five levels of tables,
/// while L2 has four, nobody says. What the exit stores is what L2 has.
void not_canonical(Catalogue& catalogue) {
    struct Address {
        std::uint64_t loaded, canonical;
    };
    for (const Address& address : {Address{0x0000'8000'0000'1000, 0xffff'8000'0000'1000},
                                   Address{0x1234'7fff'ffff'f000, 0x0000'7fff'ffff'f000}}) {
        ExitExpectation read = program_ends();
        read.registers = {{Register::rbx, address.canonical}};
        read.fields = {{field::ssp, {}, ~std::uint64_t{0}, Match::free}};
        add(catalogue, {.place = field::ssp,
                        .what = "loaded/not_canonical_" + hex_name(address.loaded),
                        .title = "L2 reads the shadow stack pointer made canonical.",
                        .program = "rdssp",
                        .steps = {with_cet, vmcb_field(field::s_cet, enabled),
                                  vmcb_field(field::ssp, address.loaded)},
                        .exit = std::move(read),
                        .without = Feature::la57});
        ExitExpectation seen = program_ends();
        seen.fields = {{field::rax, address.canonical & 0xffff'ffff},
                       {field::isst_addr, {}, ~std::uint64_t{0}, Match::free}};
        seen.registers = {{Register::rdx, address.canonical >> 32}};
        add(catalogue, {.place = field::isst_addr,
                        .what = "loaded/not_canonical_" + hex_name(address.loaded),
                        .title = "L2 reads the address made canonical.",
                        .program = "rdmsr",
                        .steps = {with_cet, vmcb_field(field::isst_addr, address.loaded),
                                  l2_register(Register::rcx, svm::msr::isst_addr)},
                        .exit = std::move(seen),
                        .without = Feature::la57});
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
    not_canonical(catalogue);
    control_bit(catalogue);
}

const Registration registration{shadow_stacks};

} // namespace
} // namespace vmrunit::cases
