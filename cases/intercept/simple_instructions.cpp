// SPDX-License-Identifier: GPL-2.0-only
// Instructions whose intercept has no operand to look at: CPUID, RSM, PAUSE, cache and TLB
// maintenance, MCOMMIT. APM2 15.9, table 15-7, which also orders the intercepts against the
// instructions' own exceptions.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::uint64_t low_32 = 0xffff'ffff;
constexpr std::uint64_t all_contexts = 2; // INVPCID: everything, global translations too

ExitExpectation exit_of(Intercept intercept) {
    ExitExpectation exit;
    exit.exit_code = svm::exit_code_of(intercept);
    return exit;
}

// clang-format off

void anywhere(InstructionTable& table) {
    // CPUID exits before every exception and at any CPL.
    table.row({.subject = "cpuid", .program = "cpuid", .intercept = Intercept::cpuid,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = {l2_register(Register::rax, 0), l2_register(Register::rcx, 0)},
               .executed = {.fields    = {{field::rax, {}, low_32, Match::changed}},
                            .registers = {{Register::rbx, {}, ~0ull, Match::changed},
                                          {Register::rcx, {}, ~0ull, Match::changed},
                                          {Register::rdx, {}, ~0ull, Match::changed}}}});
    // RSM outside SMM is an invalid opcode, but the intercept comes first.
    table.row({.subject = "rsm", .program = "rsm", .intercept = Intercept::rsm,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .raises = Delivery{.vector = 6},
               .also_meets = {svm::exception_intercept(6)}});
    table.row({.subject = "pause", .program = "pause", .intercept = Intercept::pause,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within});
    table.row({.subject = "mcommit", .program = "mcommit", .intercept = Intercept::mcommit,
               .manual = "APM2 15.9", .needs = Feature::mcommit, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = {vmcb_set(field::efer, svm::efer::mcommit)},
               .executed = {.fields = {{field::rflags, {}, svm::rflags::cf, Match::free}}}});
    table.row({.subject = "mcommit", .variant = "disabled", .program = "mcommit",
               .intercept = Intercept::mcommit, .manual = "APM2 15.9", .needs = Feature::mcommit,
               .cpl3 = AtCpl3::same, .reach = Reach::exception_first, .raises = Delivery{.vector = 6}});
}

void caches(InstructionTable& table) {
    // INVD throws away what the caches hold, the payload's own writes included. Where L1 is itself a
    // guest nobody lets it.
    table.row({.subject = "invd", .program = "invd", .intercept = Intercept::invd,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .needs_to_execute = Feature::hypervisor});
    table.row({.subject = "wbinvd", .program = "wbinvd", .intercept = Intercept::wbinvd,
               .manual = "APM2 15.9", .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within});
    table.row({.subject = "wbinvd", .variant = "wbnoinvd", .program = "wbnoinvd",
               .intercept = Intercept::wbinvd, .manual = "APM2 15.9",
               .needs = Feature::wbnoinvd, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within});
}

/// EXITINFO1 is the linear address: with the base of the segment, in the address size of the
/// instruction, cut to 32 bits outside 64-bit mode. APM2 15.8.3.
void invlpg_addresses(InstructionTable& table) {
    constexpr std::uint64_t high = world::unmapped | 0x123;
    constexpr std::uint64_t non_canonical = 0x8000'0000'0000'0123;
    constexpr std::uint32_t base = 0x1'0000;
    struct Address {
        std::string_view variant, program;
        Modes modes;
        std::vector<Step> setup;
        Value linear;
    };
    const Step data = l2_register(Register::rdi, l2_data);
    const Value beyond_base = in_memory(l2_data_offset + base);
    for (const Address& row : {
             Address{"high", "invlpg", only_long64, {l2_register(Register::rdi, high)}, high},
             Address{"non_canonical", "invlpg", only_long64,
                     {l2_register(Register::rdi, non_canonical)}, non_canonical},
             Address{"fs_base", "invlpg_fs", all_modes, {data, vmcb_field(field::fs_base, base)},
                     beyond_base},
             Address{"gs_base", "invlpg_gs", all_modes, {data, vmcb_field(field::gs_base, base)},
                     beyond_base},
             Address{"fs_base_high", "invlpg_fs", only_long64,
                     {l2_register(Register::rdi, 0x123),
                      vmcb_field(field::fs_base, world::unmapped)}, high},
             Address{"ds_base", "invlpg", not_long64, {data, vmcb_field(field::ds_base, base)},
                     beyond_base},
             Address{"ds_base_ignored", "invlpg", only_long64,
                     {data, vmcb_field(field::ds_base, base)}, l2_data},
             Address{"wraps", "invlpg", only_32bit,
                     {l2_register(Register::rdi, 0x2123), vmcb_field(field::ds_base, 0xffff'f000)},
                     0x1123},
             Address{"address_size", "invlpg_short", only_long64,
                     {l2_register(Register::rdi, l2_data | ~low_32)}, l2_data},
             Address{"address_size", "invlpg_short", not_long64,
                     {l2_register(Register::rdi, 0xabcd'1234)}, 0x1234}}) {
        table.row({.subject = "invlpg", .variant = row.variant, .program = row.program,
                   .intercept = Intercept::invlpg, .manual = "APM2 15.8.3, 15.9",
                   .modes = row.modes, .setup = row.setup,
                   .taken_fields = {{.field = field::exit_info_1, .value = row.linear,
                                     .needs = Feature::decode_assists}}});
    }
}

void translations(InstructionTable& table) {
    invlpg_addresses(table);
    table.row({.subject = "invlpg", .program = "invlpg", .intercept = Intercept::invlpg,
               .manual = "APM2 15.8.3, 15.9", .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {l2_register(Register::rdi, l2_data)},
               .taken_fields = {{.field = field::exit_info_1, .value = l2_data,
                                 .needs = Feature::decode_assists}}});
    table.row({.subject = "invpcid", .program = "invpcid", .intercept = Intercept::invpcid,
               .manual = "APM2 15.9", .needs = Feature::invpcid, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {l2_register(Register::rdi, l2_data),
                         l2_register(Register::rbx, all_contexts),
                         l2_data_bytes(0, 8, 0), l2_data_bytes(8, 8, 0)}});
    // Neither the type nor the descriptor is looked at before the exit.
    table.row({.subject = "invpcid", .variant = "bad_type", .program = "invpcid",
               .intercept = Intercept::invpcid, .manual = "APM2 15.9",
               .needs = Feature::invpcid,
               .setup = {l2_register(Register::rdi, l2_data), l2_register(Register::rbx, 4)},
               .raises = Delivery{.vector = 13, .error_code = 0},
               .also_meets = {Intercept::exception_gp}});
    table.row({.subject = "invpcid", .variant = "reserved_descriptor", .program = "invpcid",
               .intercept = Intercept::invpcid, .manual = "APM2 15.9",
               .needs = Feature::invpcid,
               .setup = {l2_register(Register::rdi, l2_data), l2_register(Register::rbx, 0),
                         l2_data_bytes(0, 8, 1u << 12), l2_data_bytes(8, 8, 0)},
               .raises = Delivery{.vector = 13, .error_code = 0},
               .also_meets = {Intercept::exception_gp}});
    table.row({.subject = "invpcid", .variant = "unmapped", .program = "invpcid",
               .intercept = Intercept::invpcid, .manual = "APM2 15.9",
               .needs = Feature::invpcid, .modes = flat_modes,
               .setup = join({l2_register(Register::rdi, spare_page),
                              l2_register(Register::rbx, all_contexts)}, spare_page_absent()),
               .executed = {.fields = {{field::cr2, spare_page}}},
               .raises = Delivery{.vector = 14, .error_code = 0},
               .also_meets = {Intercept::exception_pf}});
    // What INVLPGB and TLBSYNC do in a guest that may not execute them (15.34.1), what they are in
    // real and virtual-8086 mode, and which intercept of INVLPGB an illegal operand meets where both
    // are set, no source says.
    const auto operands = [](std::uint64_t address) {
        return std::vector<Step>{l2_register(Register::rax, address),
                                 l2_register(Register::rcx, 0), l2_register(Register::rdx, 0)};
    };
    constexpr std::uint64_t reserved_bits = 0x40; // Of what rAX says is valid. APM3 INVLPGB.
    for (const AtCpl3 cpl3 : {AtCpl3::not_run, AtCpl3::only}) {
        const bool user = cpl3 == AtCpl3::only; // Not intercepted at CPL 0 it would execute.
        const Reach reach = user ? Reach::exception_first : Reach::taken;
        const auto gp = user ? std::optional{Delivery{.vector = 13, .error_code = 0}}
                             : std::nullopt;
        table.row({.subject = "invlpgb", .program = "invlpgb", .intercept = Intercept::invlpgb,
                   .manual = "APM2 15.9", .needs = Feature::invlpgb, .modes = protected_modes,
                   .cpl3 = cpl3, .page_end = PageEnd::within,
                   .setup = operands(0), .reach = reach, .raises = gp,
                   .runs_without_intercept = false});
        table.row({.subject = "invlpgb_illegal", .program = "invlpgb",
                   .intercept = Intercept::invlpgb_illegal, .manual = "APM2 15.9",
                   .needs = Feature::invlpgb, .modes = protected_modes, .cpl3 = cpl3,
                   .setup = operands(reserved_bits), .reach = reach,
                   .raises = Delivery{.vector = 13, .error_code = 0},
                   .also_meets = {Intercept::invlpgb, Intercept::exception_gp}});
        table.row({.subject = "tlbsync", .program = "tlbsync", .intercept = Intercept::tlbsync,
                   .manual = "APM2 15.9", .needs = {Feature::invlpgb, Feature::tlbi_ctl},
                   .modes = protected_modes, .cpl3 = cpl3, .page_end = PageEnd::within,
                   .reach = reach, .raises = gp,
                   .runs_without_intercept = false});
    }
    // The VMCB lets L2 execute them, intercepted or not.
    for (const auto& [program, intercept] : {std::pair{"invlpgb", Intercept::invlpgb},
                                             std::pair{"tlbsync", Intercept::tlbsync}}) {
        table.row({.subject = program, .variant = "enabled", .program = program,
                   .intercept = intercept, .manual = "APM2 15.9, B",
                   .needs = {Feature::invlpgb, Feature::tlbi_ctl}, .modes = protected_modes,
                   .setup = join(operands(0),
                                 {vmcb_set(field::nested_control,
                                           svm::NestedControl::invlpgb_tlbsync_enable.mask())})});
    }
    // Operands that are legal do not meet the intercept of those that are not, and TLBSYNC has its
    // own. The other way round INVLPGB's is met first.
    table.row({.subject = "invlpgb", .variant = "illegal_too", .program = "invlpgb",
               .intercept = Intercept::invlpgb_illegal, .manual = "APM2 15.9",
               .needs = Feature::invlpgb, .modes = flat_modes,
               .setup = join(operands(0), {intercepting(Intercept::invlpgb)}),
               .reach = Reach::not_covered, .ends_with = exit_of(Intercept::invlpgb)});
    table.row({.subject = "tlbsync", .variant = "invlpgb_intercept", .program = "tlbsync",
               .intercept = Intercept::invlpgb, .manual = "APM2 15.9",
               .needs = {Feature::invlpgb, Feature::tlbi_ctl}, .modes = flat_modes,
               .setup = {intercepting(Intercept::tlbsync)},
               .reach = Reach::not_covered, .ends_with = exit_of(Intercept::tlbsync)});
}

/// A locked access across a cache line. The count of the VMCB lets so many pass. APM2 15.14.5.
void bus_locks(InstructionTable& table) {
    constexpr std::uint32_t across = 64 - 2; // L2's data begins a cache line.
    static_assert(l2_data_offset % 64 == 0);
    const Step address = l2_register(Register::rdi, in_memory(l2_data_offset + across));
    const Step value = l2_data_bytes(across, 4, 0x1234);
    const Effect incremented{.memory = {{Region::l2_memory, l2_data_offset + across, 4, 0x1235}}};
    table.row({.subject = "buslock", .program = "lock_inc", .intercept = Intercept::buslock,
               .manual = "APM2 15.14.5", .needs = Feature::bus_lock_threshold,
               .cpl3 = AtCpl3::same, .setup = {address, value},
               .taken_fields = {{field::exit_info_1, 0}, {field::exit_info_2, 0}},
               .executed = incremented});
    Effect counted = incremented;
    counted.fields = {{field::bus_lock_threshold_count, 1}};
    table.row({.subject = "buslock", .variant = "below_threshold", .program = "lock_inc",
               .intercept = Intercept::buslock, .manual = "APM2 15.14.5",
               .needs = Feature::bus_lock_threshold, .cpl3 = AtCpl3::same,
               .setup = {address, value, vmcb_field(field::bus_lock_threshold_count, 2)},
               .reach = Reach::not_covered, .executed = counted});
    table.row({.subject = "buslock", .variant = "within_line", .program = "lock_inc",
               .intercept = Intercept::buslock, .manual = "APM2 15.14.5",
               .needs = Feature::bus_lock_threshold, .cpl3 = AtCpl3::same,
               .setup = {l2_register(Register::rdi, l2_data), l2_data_bytes(0, 4, 0x1234)},
               .reach = Reach::not_covered,
               .executed = {.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1235}}}});
    // A lock that never gets to its access.
    constexpr std::uint32_t write = 2; // Error code of a page fault.
    table.row({.subject = "buslock", .variant = "unmapped", .program = "lock_inc",
               .intercept = Intercept::buslock, .manual = "APM2 15.14.5",
               .needs = Feature::bus_lock_threshold, .modes = flat_modes,
               .setup = join({l2_register(Register::rdi, spare_page + across)},
                             spare_page_absent()),
               .reach = Reach::exception_first,
               .executed = {.fields = {{field::cr2, spare_page + across}}},
               .raises = Delivery{.vector = 14, .error_code = write}});
    for (const auto& [variant, modes, beyond] : {
             std::tuple{"non_canonical", only_long64, std::uint64_t{0x8000'0000'0000'003e}},
             std::tuple{"beyond_segment", only_16bit, std::uint64_t{0xfffe}}}) {
        table.row({.subject = "buslock", .variant = variant, .program = "lock_inc",
                   .intercept = Intercept::buslock, .manual = "APM2 15.14.5",
                   .needs = Feature::bus_lock_threshold, .modes = modes, .cpl3 = AtCpl3::same,
                   .setup = {l2_register(Register::rdi, beyond)},
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 13, .error_code = 0}});
    }
    table.row({.subject = "buslock", .variant = "register", .program = "lock_inc_register",
               .intercept = Intercept::buslock, .manual = "APM2 15.14.5",
               .needs = Feature::bus_lock_threshold, .cpl3 = AtCpl3::same,
               .reach = Reach::exception_first, .raises = Delivery{.vector = 6}});
}

// clang-format on

void simple_instructions(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    anywhere(table);
    caches(table);
    translations(table);
    bus_locks(table);
}

const Registration registration{simple_instructions};

} // namespace
} // namespace vmrunit::cases
