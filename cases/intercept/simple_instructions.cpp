// SPDX-License-Identifier: GPL-2.0-only
// Instructions whose intercept has no operand to look at: CPUID, RSM, PAUSE, cache and TLB
// maintenance, MCOMMIT. APM2 15.9, table 15-7, which also orders the intercepts against the
// instructions' own exceptions.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::uint64_t low_32 = 0xffff'ffff;
constexpr std::uint64_t all_contexts = 2; // INVPCID: everything, global translations too

// clang-format off

void anywhere(InstructionTable& table) {
    // CPUID exits before every exception and at any CPL.
    table.row({.subject = "cpuid", .program = "cpuid", .intercept = Intercept::cpuid,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::same,
               .setup = {l2_register(Register::rax, 0), l2_register(Register::rcx, 0)},
               .executed = {.fields    = {{field::rax, {}, low_32, Match::changed}},
                            .registers = {{Register::rbx, {}, ~0ull, Match::changed},
                                          {Register::rcx, {}, ~0ull, Match::changed},
                                          {Register::rdx, {}, ~0ull, Match::changed}}}});
    // RSM outside SMM is an invalid opcode, but the intercept comes first.
    table.row({.subject = "rsm", .program = "rsm", .intercept = Intercept::rsm,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::same,
               .raises = Delivery{.vector = 6},
               .also_meets = {svm::exception_intercept(6)}});
    table.row({.subject = "pause", .program = "pause", .intercept = Intercept::pause,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::same});
    // A filter count of N lets N PAUSEs pass. The second row keeps a distance from N, about which
    // the manual says two things.
    table.row({.subject = "pause", .variant = "filter", .program = "fourth_pause",
               .intercept = Intercept::pause, .manual = "APM2 15.14.4",
               .needs = Feature::pause_filter, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, 3)}});
    table.row({.subject = "pause", .variant = "filter_not_used_up", .program = "fourth_pause",
               .intercept = Intercept::pause, .manual = "APM2 15.14.4",
               .needs = Feature::pause_filter, .cpl3 = AtCpl3::same,
               .setup = {vmcb_field(field::pause_filter_count, 1000)},
               .reach = Reach::not_covered});
    table.row({.subject = "mcommit", .program = "mcommit", .intercept = Intercept::mcommit,
               .manual = "APM2 15.9", .needs = Feature::mcommit, .cpl3 = AtCpl3::same,
               .setup = {vmcb_set(field::efer, svm::efer::mcommit)},
               .executed = {.fields = {{field::rflags, {}, svm::rflags::cf, Match::free}}},
               .confirmed = false});
}

void caches(InstructionTable& table) {
    // INVD throws away what the caches hold, the payload's own writes included. Where L1 is itself a
    // guest nobody lets it.
    table.row({.subject = "invd", .program = "invd", .intercept = Intercept::invd,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::gp_first,
               .needs_to_execute = Feature::hypervisor});
    table.row({.subject = "wbinvd", .program = "wbinvd", .intercept = Intercept::wbinvd,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::gp_first});
    table.row({.subject = "wbinvd", .variant = "wbnoinvd", .program = "wbnoinvd",
               .intercept = Intercept::wbinvd, .manual = "APM2 15.9",
               .needs = Feature::wbnoinvd, .cpl3 = AtCpl3::gp_first,
               .confirmed = false});
}

void translations(InstructionTable& table) {
    table.row({.subject = "invlpg", .program = "invlpg", .intercept = Intercept::invlpg,
               .manual = "APM2 15.8.1, 15.9", .cpl3 = AtCpl3::gp_first,
               .setup = {l2_register(Register::rdi, l2_data)},
               .taken_fields = {{.field = field::exit_info_1, .value = l2_data,
                                 .needs = Feature::decode_assists}}});
    table.row({.subject = "invpcid", .program = "invpcid", .intercept = Intercept::invpcid,
               .manual = "APM2 15.9", .needs = Feature::invpcid, .cpl3 = AtCpl3::gp_first,
               .setup = {l2_register(Register::rdi, l2_data),
                         l2_register(Register::rbx, all_contexts),
                         l2_data_bytes(0, 8, 0), l2_data_bytes(8, 8, 0)},
               .confirmed = false});
    // Neither the type nor the descriptor is looked at before the exit.
    table.row({.subject = "invpcid", .variant = "bad_type", .program = "invpcid",
               .intercept = Intercept::invpcid, .manual = "APM2 15.9",
               .needs = Feature::invpcid,
               .setup = {l2_register(Register::rdi, l2_data), l2_register(Register::rbx, 4)},
               .raises = Delivery{.vector = 13, .error_code = 0},
               .confirmed = false});
    // Whether INVLPGB and TLBSYNC may execute in a guest is a matter of its own (15.34.1).
    table.row({.subject = "invlpgb", .program = "invlpgb", .intercept = Intercept::invlpgb,
               .manual = "APM2 15.9", .needs = Feature::invlpgb, .modes = protected_modes,
               .setup = {l2_register(Register::rax, 0), l2_register(Register::rcx, 0),
                         l2_register(Register::rdx, 0)},
               .runs_without_intercept = false, .confirmed = false});
    table.row({.subject = "tlbsync", .program = "tlbsync", .intercept = Intercept::tlbsync,
               .manual = "APM2 15.9", .needs = {Feature::invlpgb, Feature::tlbi_ctl},
               .modes = protected_modes,
               .runs_without_intercept = false, .confirmed = false});
}

// clang-format on

void simple_instructions(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    anywhere(table);
    caches(table);
    translations(table);
}

const Registration registration{simple_instructions};

} // namespace
} // namespace vmrunit::cases
