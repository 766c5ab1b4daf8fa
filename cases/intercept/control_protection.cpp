// SPDX-License-Identifier: GPL-2.0-only
// #CP, and the #PF of an access to the shadow stack. L2's shadow stack is a page of its own,
// read-only and dirty: that makes it one. Returns take two return addresses and compare them. Error
// code 3 is of branch tracking, which AMD has not. No target here has shadow stacks. APM2 18.2
// to 18.7, 15.12.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 18.6, 15.12";
constexpr std::uint64_t shadow_stacks_enabled = 1; ///< Of S_CET and U_CET.
constexpr std::uint32_t pf_shadow_stack = 0x40;    ///< Bit of the error code of #PF.
constexpr std::uint32_t user_cet = 0x6a0;          ///< MSRs, which no VMCB holds.
constexpr std::uint32_t pl0_ssp = 0x6a4;

/// Error codes of #CP.
constexpr std::uint32_t near_return = 1;
constexpr std::uint32_t far_return = 2;
constexpr std::uint32_t restore_ssp = 4;
constexpr std::uint32_t set_busy = 5;

constexpr std::uint64_t shadow_page = 0xc000'0000;
constexpr std::uint32_t slot = 0x800; ///< In that page, with room below for what events push.
/// Not writable; dirty. For CPL 0 not the user's, for CPL 3 the user's.
constexpr std::uint64_t shadow_bits = world::present | world::accessed | world::dirty;

Write entry(Region table, std::uint32_t index, Value value) {
    return {wire::Op::Code::write, table, index * 8, 8, value};
}

/// In the nested tables: the 2 MiB of spare_page.
const Step spare_page_unmapped = entry(Region::nested_pd, spare_page >> 21, 0);

Write on_shadow_stack(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::idt16, slot + offset, size, value};
}

/// L2 with a shadow stack of its privilege level. The tables in between and the page are those of
/// modes that are not in use.
std::vector<Step> shadow_stack(bool user, std::uint64_t page_bits) {
    return {
        vmcb_set(field::cr4, svm::cr4::cet),
        user ? Step{L1Write{wire::L1Register::msr, user_cet, shadow_stacks_enabled}}
             : Step{vmcb_field(field::s_cet, shadow_stacks_enabled)},
        vmcb_field(field::ssp, shadow_page + slot),
        entry(Region::pd, (shadow_page >> 30) * 512,
              in_region(Region::legacy_pt, world::table_bits)),
        entry(Region::legacy_pt, 0, in_region(Region::idt16, page_bits | (user ? world::user : 0))),
    };
}

/// What RET pops, and how wide: the two return addresses are compared.
struct Width {
    Modes modes;
    std::uint8_t bytes;
};
constexpr Width widths[] = {{only_long64, 8}, {only(L2Mode::compat), 4}};

/// L2's stack leads behind the RET, its shadow stack to `shadow`.
std::vector<Step> stacks(Value shadow, std::uint64_t page_bits, std::uint8_t bytes = 8,
                         bool user = false) {
    const std::uint32_t bottom = l2_stack_end - bytes;
    return join(shadow_stack(user, page_bits),
                {l2_register(Register::rsp, in_memory(bottom)),
                 Write{wire::Op::Code::write, Region::l2_memory, bottom, bytes, at_after},
                 on_shadow_stack(0, bytes, shadow)});
}

/// Events push to the supervisor's shadow stack as well, and at CPL 3 SSP goes to an MSR.
Effect pushed(bool user) {
    return {.fields = {{field::ssp, {}, ~0ull, user ? Match::free : Match::changed}}};
}

// clang-format off

void near_returns(InstructionTable& table) {
    for (const Width& width : widths) {
        const std::uint32_t bottom = l2_stack_end - width.bytes;
        for (const bool user : {false, true}) {
            const AtCpl3 level = user ? AtCpl3::only : AtCpl3::not_run;
            Delivery refused{.vector = 21, .error_code = near_return};
            if (user) {
                refused.outer_rsp = in_memory(bottom);
            } else {
                refused.rsp_adjust = 0 - std::uint64_t{width.bytes};
            }
            table.row({.subject = "exception_cp", .program = "ret",
                       .intercept = Intercept::exception_cp,
                       .manual = manual, .needs = Feature::cet_ss, .modes = width.modes,
                       .cpl3 = level,
                       .setup = stacks(at_insn, shadow_bits, width.bytes, user),
                       .taken_fields = {{field::exit_info_1, near_return}},
                       .executed = pushed(user),
                       .raises = refused});
            table.row({.subject = "exception_cp", .variant = "same_address", .program = "ret",
                       .intercept = Intercept::exception_cp, .manual = manual,
                       .needs = Feature::cet_ss, .modes = width.modes, .cpl3 = level,
                       .setup = stacks(at_after, shadow_bits, width.bytes, user),
                       .reach = Reach::not_covered,
                       .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                               {field::ssp, shadow_page + slot + width.bytes}}}});
        }
    }
}

/// IRETQ to the same level takes SSP, RIP and CS from the shadow stack, and compares the last two.
void far_returns(InstructionTable& table) {
    constexpr std::uint32_t size = 5 * 8;
    constexpr std::uint32_t bottom = l2_stack_end - size;
    constexpr std::uint64_t earlier_ssp = shadow_page + slot + 0x100;
    const auto on_stack = [](std::uint32_t offset, Value value) {
        return Write{wire::Op::Code::write, Region::l2_memory, bottom + offset, 8, value};
    };
    const auto frames = [&](const Value& rip, const Value& cs) {
        return join(shadow_stack(false, shadow_bits),
                    {l2_register(Register::rsp, in_memory(bottom)), on_stack(0, at_after),
                     on_stack(8, fresh(field::cs_selector)),
                     on_stack(16, svm::rflags::always_one), on_stack(24, in_memory(l2_stack_end)),
                     on_stack(32, fresh(field::ss_selector)), on_shadow_stack(0, 8, earlier_ssp),
                     on_shadow_stack(8, 8, rip), on_shadow_stack(16, 8, cs)});
    };
    struct Other { std::string_view variant; Value rip, cs; };
    const Value cs = fresh(field::cs_selector);
    for (const Other& one : {Other{"iret_other_rip", at_insn, cs},
                             Other{"iret_other_cs", at_after, l2_selector::user_code64}}) {
        table.row({.subject = "exception_cp", .variant = one.variant, .program = "iret",
                   .intercept = Intercept::exception_cp, .manual = manual,
                   .needs = Feature::cet_ss, .modes = only_long64,
                   .setup = frames(one.rip, one.cs),
                   .taken_fields = {{field::exit_info_1, far_return}},
                   .executed = pushed(false),
                   .raises = Delivery{.vector = 21, .error_code = far_return,
                                      .rsp_adjust = 0 - std::uint64_t{size}},
                   .also_meets = {Intercept::iret}});
    }
    table.row({.subject = "exception_cp", .variant = "iret_same_address", .program = "iret",
               .intercept = Intercept::exception_cp, .manual = manual, .needs = Feature::cet_ss,
               .modes = only_long64,
               .setup = frames(at_after, cs),
               .reach = Reach::not_covered,
               .executed = {.fields = {{field::rsp, in_memory(l2_stack_end)},
                                       {field::ssp, earlier_ssp}}},
               .also_meets = {Intercept::iret}});
}

/// Neither finds the token it wants.
void tokens(InstructionTable& table) {
    constexpr std::uint32_t place = 0x40; ///< Above SSP.
    struct Instruction { std::string_view name; std::uint32_t error_code; Step operand; };
    for (const Instruction& one : {
             Instruction{"rstorssp", restore_ssp, l2_register(Register::rdi, shadow_page + slot + place)},
             Instruction{"setssbsy", set_busy,
                         L1Write{wire::L1Register::msr, pl0_ssp, shadow_page + slot + place}}}) {
        table.row({.subject = "exception_cp", .variant = one.name, .program = one.name,
                   .intercept = Intercept::exception_cp, .manual = manual,
                   .needs = Feature::cet_ss, .modes = only_long64,
                   .setup = join(shadow_stack(false, shadow_bits),
                                 {one.operand, on_shadow_stack(place, 8, 0)}),
                   .taken_fields = {{field::exit_info_1, one.error_code}},
                   .executed = pushed(false),
                   .raises = Delivery{.vector = 21, .error_code = one.error_code}});
    }
}

// clang-format on

/// The page of the shadow stack is mapped by L2's tables and not by the nested ones.
void nested_page_fault(Catalogue& catalogue) {
    GuestRow row{.name = "npt/shadow_stack/absent",
                 .title = "EXITINFO1 says that the access was one of the shadow stack.",
                 .manual = "APM2 15.25.6, 18.5",
                 .needs = Feature::cet_ss,
                 .program = "ret",
                 .steps = join(
                     stacks(at_after, shadow_bits),
                     {entry(Region::legacy_pt, 0, spare_page | shadow_bits), spare_page_unmapped})};
    constexpr std::uint64_t final_address_by_user = (std::uint64_t{1} << 32) | world::user;
    row.exit.exit_code = svm::ExitCode::npf;
    row.exit.fields = {{field::exit_info_1, final_address_by_user | pf_shadow_stack},
                       {field::exit_info_2, spare_page + slot}};
    add_guest_case(catalogue, row, {L2Mode::long64, 0, true});
}

// clang-format off

void control_protection(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    near_returns(table);
    far_returns(table);
    tokens(table);
    nested_page_fault(catalogue);
    // The handler of #PF would need the shadow stack, too.
    table.row({.subject = "exception_pf", .variant = "shadow_stack_absent", .program = "ret",
               .intercept = Intercept::exception_pf, .manual = "APM2 18.5, 15.12.15",
               .needs = Feature::cet_ss, .modes = only_long64,
               .setup = stacks(at_after, shadow_bits & ~world::present),
               .taken_fields = {{field::exit_info_1, pf_shadow_stack},
                                {field::exit_info_2, shadow_page + slot}},
               .runs_without_intercept = false});
}

// clang-format on

const Registration registration{control_protection};

} // namespace
} // namespace vmrunit::cases
