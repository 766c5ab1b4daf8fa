// SPDX-License-Identifier: GPL-2.0-only
// #CP, and the #PF of an access to the shadow stack. L2's shadow stack is a page of its own,
// read-only and dirty, the supervisor's: that makes it one. RET takes two return addresses and
// compares them. No target here has shadow stacks, so these rows are unconfirmed. APM2 18.2
// to 18.7, 15.12.

#include "cases/intercept/exception_row.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 18.6, 15.12";
constexpr std::uint64_t shadow_stacks_enabled = 1; ///< Of S_CET.
constexpr std::uint32_t near_return = 1;           ///< Error code of #CP.
constexpr std::uint32_t pf_shadow_stack = 0x40;    ///< Bit of the error code of #PF.

constexpr std::uint64_t shadow_page = 0xc000'0000;
constexpr std::uint32_t slot = 0x800; ///< In that page, with room below for what events push.
/// Neither writable nor the user's; dirty.
constexpr std::uint64_t shadow_bits = world::present | world::accessed | world::dirty;

Write entry(Region table, std::uint32_t index, Value value) {
    return {wire::Op::Code::write, table, index * 8, 8, value};
}

/// L2's stack leads behind the RET, its shadow stack to `shadow`. The tables in between and the
/// page are those of modes that are not in use.
std::vector<Step> stacks(Value shadow, std::uint64_t page_bits) {
    const std::uint32_t bottom = l2_stack_end - 8;
    return {
        vmcb_set(field::cr4, svm::cr4::cet),
        vmcb_field(field::s_cet, shadow_stacks_enabled),
        vmcb_field(field::ssp, shadow_page + slot),
        l2_register(Register::rsp, in_memory(bottom)),
        Write{wire::Op::Code::write, Region::l2_memory, bottom, 8, at_after},
        entry(Region::pd, (shadow_page >> 30) * 512,
              in_region(Region::legacy_pt, world::table_bits)),
        entry(Region::legacy_pt, 0, in_region(Region::idt16, page_bits)),
        Write{wire::Op::Code::write, Region::idt16, slot, 8, shadow},
    };
}

void control_protection(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    // clang-format off
    // Taken in L2, the event pushes to the shadow stack as well, and SSP moves.
    table.row({.subject = "exception_cp", .program = "ret", .intercept = Intercept::exception_cp,
               .manual = manual, .needs = Feature::cet_ss, .modes = only_long64,
               .setup = stacks(at_insn, shadow_bits),
               .taken_fields = {{field::exit_info_1, near_return}},
               .executed = {.fields = {{field::ssp, {}, ~0ull, Match::changed}}},
               .raises = Delivery{.vector = 21, .error_code = near_return,
                                  .rsp_adjust = 0 - std::uint64_t{8}},
               .confirmed = false});
    table.row({.subject = "exception_cp", .variant = "same_address", .program = "ret",
               .intercept = Intercept::exception_cp, .manual = manual, .needs = Feature::cet_ss,
               .modes = only_long64,
               .setup = stacks(at_after, shadow_bits),
               .reach = Reach::not_covered,
               .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                       {field::ssp, shadow_page + slot + 8}}},
               .confirmed = false});
    // The handler of #PF would need the shadow stack, too.
    table.row({.subject = "exception_pf", .variant = "shadow_stack_absent", .program = "ret",
               .intercept = Intercept::exception_pf, .manual = "APM2 18.5, 15.12.15",
               .needs = Feature::cet_ss, .modes = only_long64,
               .setup = stacks(at_after, shadow_bits & ~world::present),
               .taken_fields = {{field::exit_info_1, pf_shadow_stack},
                                {field::exit_info_2, shadow_page + slot}},
               .runs_without_intercept = false, .confirmed = false});
    // clang-format on
}

const Registration registration{control_protection};

} // namespace
} // namespace vmrunit::cases
