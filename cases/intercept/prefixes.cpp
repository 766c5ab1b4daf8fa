// SPDX-License-Identifier: GPL-2.0-only
// Prefixes in front of intercepted instructions. Those that mean nothing there are part of the
// instruction, so RIP is theirs and the next RIP lies behind them all. LOCK makes it invalid, and a
// sixteenth byte is one too many: both exceptions come before any intercept, as no instruction has
// been found yet. That follows from the priorities of exceptions, which decoding raises before an
// instruction's own; of LOCK table 15-7 does not speak. APM3 1.2; APM2 8.2.14, 8.5, 15.9.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;
using svm::IoAccess;

constexpr std::string_view manual = "APM3 1.2, APM2 15.9";
constexpr std::uint16_t port = 0x80;

/// A prefix, or several: a part of the program's name.
struct Prefix {
    std::string_view name;
    Modes modes;
};
/// One mode for each width of code.
constexpr Modes widths = only_long64 | only(L2Mode::prot32) | only_prot16;
constexpr Prefix meaningless[] = {
    {"cs", widths},           {"fs", widths},       {"operand_size", widths},
    {"address_size", widths}, {"repne", widths},    {"rep", widths},
    {"several", widths},      {"rex", only_long64}, {"rex_first", only_long64},
    {"15_bytes", widths},
};

// clang-format off

/// The instructions as their own rows have them, and where nothing is to be seen but that.
std::vector<InstructionRow> instructions() {
    const IoAccess in = IoAccess{}.with(IoAccess::size_8).with(IoAccess::in, true).with(IoAccess::port, port);
    const std::uint64_t reported = IoAccess::in.mask() | IoAccess::size_8.mask() |
                                   IoAccess::size_16.mask() | IoAccess::size_32.mask() |
                                   IoAccess::string.mask() | IoAccess::port.mask();
    return {
        {.subject = "cpuid", .program = "cpuid", .intercept = Intercept::cpuid, .manual = manual,
         .setup = {l2_register(Register::rax, 0), l2_register(Register::rcx, 0)},
         .executed = {.fields    = {{field::rax, {}, 0xffff'ffff, Match::changed}},
                      .registers = {{Register::rbx, {}, ~0ull, Match::changed},
                                    {Register::rcx, {}, ~0ull, Match::changed},
                                    {Register::rdx, {}, ~0ull, Match::changed}}}},
        {.subject = "rdtsc", .program = "rdtsc", .intercept = Intercept::rdtsc, .manual = manual,
         .setup = {l2_register(Register::rax, 0x9e37'79b9)},
         .executed = {.fields    = {{field::rax, {}, 0xffff'ffff, Match::changed}},
                      .registers = {{Register::rdx, {}, ~0ull, Match::changed}}}},
        {.subject = "cr0_write", .program = "clts", .intercept = Intercept::cr0_write, .manual = manual,
         .setup = {vmcb_set(field::cr0, svm::cr0::ts)},
         .executed = {.fields = {{field::cr0, fresh(field::cr0)}}}},
        {.subject = "hlt", .program = "hlt", .intercept = Intercept::hlt, .manual = manual,
         .runs_without_intercept = false},
        {.subject = "ioio", .program = "in_80", .intercept = Intercept::ioio_prot, .manual = manual,
         .setup = {Write{wire::Op::Code::set_bits, Region::io_permissions, port / 8, 1, 1},
                   l2_register(Register::rax, 0x89ab'cdef)},
         .taken_fields = {{field::exit_info_1, in.value, reported}, {field::exit_info_2, at_after}},
         .executed = {.fields = {{field::rax, {}, 0xff, Match::free}}},
         .needs_to_execute = svm::Feature::inert_ports_80},
    };
}

/// Whatever port or MSR rDX and rCX name.
std::vector<Step> all_permissions_closed() {
    const auto closed = [](Region map) {
        return Write{wire::Op::Code::fill, map, 0, 0xff, place_of(map).size};
    };
    return {closed(Region::io_permissions), closed(Region::msr_permissions)};
}

/// Whatever else has an intercept, behind LOCK. No operand is set up, for nothing gets as far as
/// that, but where one that lies in memory would show: who ignores LOCK shall do the same each time.
struct Locked {
    std::string_view subject;
    std::string_view program; ///< With "_lock" behind it; a part of the variant where `shared`.
    Intercept intercept;
    bool shared = false; ///< The subject has several instructions.
    svm::Features needs{};
    bool fails_safely = true;
    bool shows_memory = false; ///< Loads what #VMEXIT stores: from [rDI], 16-bit code from [BX].
};
const Locked locked[] = {
    {"invd", "invd", Intercept::invd},
    {"wbinvd", "wbinvd", Intercept::wbinvd},
    {"wbinvd", "wbnoinvd", Intercept::wbinvd, true, svm::Feature::wbnoinvd},
    {"mcommit", "mcommit", Intercept::mcommit, false, svm::Feature::mcommit},
    {"invlpgb", "invlpgb", Intercept::invlpgb, false, svm::Feature::invlpgb},
    {"tlbsync", "tlbsync", Intercept::tlbsync, false, svm::Feature::invlpgb},
    {"rdtscp", "rdtscp", Intercept::rdtscp, false, svm::Feature::rdtscp},
    {"rdpmc", "rdpmc", Intercept::rdpmc},
    {"rdpru", "rdpru", Intercept::rdpru, false, svm::Feature::rdpru},
    {"rsm", "rsm", Intercept::rsm},
    {"pause", "pause", Intercept::pause},
    {"monitor", "monitor", Intercept::monitor, false, svm::Feature::monitor},
    {"monitor", "monitorx", Intercept::monitor, true, svm::Feature::monitorx},
    {"mwait", "mwait", Intercept::mwait, false, svm::Feature::monitor, false},
    {"mwait", "mwaitx", Intercept::mwait, true, svm::Feature::monitorx, false},
    {"xsetbv", "xsetbv", Intercept::xsetbv, false, svm::Feature::xsave},
    {"msr_read", "rdmsr", Intercept::msr_prot},
    {"msr_write", "wrmsr", Intercept::msr_prot},
    {"pushf", "pushf", Intercept::pushf},
    {"popf", "popf", Intercept::popf},
    {"iret", "iret", Intercept::iret},
    {"int_n", "int_40", Intercept::int_n},
    {"icebp", "icebp", Intercept::icebp},
    {"invlpg", "invlpg", Intercept::invlpg},
    {"invpcid", "invpcid", Intercept::invpcid, false, svm::Feature::invpcid},
    {"vmrun", "vmrun", Intercept::vmrun},
    // The handler ends by VMMCALL.
    {"vmmcall", "vmmcall", Intercept::vmmcall, false, {}, false},
    {"vmload", "vmload", Intercept::vmload},
    {"vmsave", "vmsave", Intercept::vmsave},
    {"stgi", "stgi", Intercept::stgi},
    {"clgi", "clgi", Intercept::clgi},
    {"skinit", "skinit", Intercept::skinit, false, {}, false},
    {"invlpga", "invlpga", Intercept::invlpga},
    {"gdtr_read", "sgdt", Intercept::gdtr_read},
    {"idtr_read", "sidt", Intercept::idtr_read},
    {"gdtr_write", "lgdt", Intercept::gdtr_write, false, {}, true, true},
    {"idtr_write", "lidt", Intercept::idtr_write, false, {}, true, true},
    {"ldtr_read", "sldt", Intercept::ldtr_read},
    {"tr_read", "str", Intercept::tr_read},
    {"ldtr_write", "lldt", Intercept::ldtr_write},
    {"tr_write", "ltr", Intercept::tr_write},
    {"cr0_read", "smsw", Intercept::cr0_read, true},
    {"cr0_write", "lmsw", Intercept::cr0_write, true},
    {"cr0_sel_write", "lmsw", Intercept::cr0_sel_write},
    {"cr2_read", "read_cr2", Intercept::cr2_read},
    {"cr2_write", "write_cr2", Intercept::cr2_write},
    {"cr3_read", "read_cr3", Intercept::cr3_read},
    {"cr3_write", "write_cr3", Intercept::cr3_write},
    {"cr4_read", "read_cr4", Intercept::cr4_read},
    {"cr4_write", "write_cr4", Intercept::cr4_write},
    {"dr0_read", "read_dr0", Intercept::dr0_read},
    {"dr0_write", "write_dr0", Intercept::dr0_write},
    {"dr1_read", "read_dr1", Intercept::dr1_read},
    {"dr1_write", "write_dr1", Intercept::dr1_write},
    {"dr2_read", "read_dr2", Intercept::dr2_read},
    {"dr2_write", "write_dr2", Intercept::dr2_write},
    {"dr3_read", "read_dr3", Intercept::dr3_read},
    {"dr3_write", "write_dr3", Intercept::dr3_write},
    {"dr4_read", "read_dr4", Intercept::dr4_read},
    {"dr4_write", "write_dr4", Intercept::dr4_write},
    {"dr5_read", "read_dr5", Intercept::dr5_read},
    {"dr5_write", "write_dr5", Intercept::dr5_write},
    {"dr6_read", "read_dr6", Intercept::dr6_read},
    {"dr6_write", "write_dr6", Intercept::dr6_write},
    {"dr7_read", "read_dr7", Intercept::dr7_read},
    {"dr7_write", "write_dr7", Intercept::dr7_write},
    {"ioio", "out_80", Intercept::ioio_prot, true},
    {"ioio", "in_dx_b", Intercept::ioio_prot, true},
    {"ioio", "out_dx_b", Intercept::ioio_prot, true},
    {"ioio", "ins_b", Intercept::ioio_prot, true},
    {"ioio", "outs_b", Intercept::ioio_prot, true},
};

// clang-format on

void locked_instructions(InstructionTable& table) {
    for (const Locked& one : locked) {
        const std::string variant =
            "prefix/lock" + (one.shared ? "_" + std::string{one.program} : std::string{});
        const std::string program = std::string{one.program} + "_lock";
        std::vector<Step> setup = all_permissions_closed();
        if (one.shows_memory) {
            setup.emplace_back(l2_register(Register::rdi, l2_data));
            setup.emplace_back(l2_register(Register::rbx, l2_data));
        }
        table.row({.subject = one.subject,
                   .variant = variant,
                   .program = program,
                   .intercept = one.intercept,
                   .manual = manual,
                   .needs = one.needs,
                   .modes = widths,
                   .l1_modes = only_l1_long64,
                   .paging = Paging::only_nested,
                   .setup = std::move(setup),
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 6},
                   .fails_safely = one.fails_safely});
    }
}

void prefixes(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const InstructionRow& instruction : instructions()) {
        // CLTS shares its subject with other instructions.
        const std::string name = instruction.program == "clts" ? "clts_prefix/" : "prefix/";
        const auto row = [&](std::string_view what, Modes modes, std::optional<Delivery> raises) {
            InstructionRow made = instruction;
            const std::string variant = name + std::string{what};
            const std::string prefixed = std::string{instruction.program} + "_" + std::string{what};
            made.variant = variant;
            made.program = prefixed;
            made.modes = modes;
            made.l1_modes = only_l1_long64;
            made.paging = Paging::only_nested;
            if (raises) {
                made.reach = Reach::exception_first;
                made.raises = raises;
                made.executed = {};
                made.runs_without_intercept = true;
                // Who takes LOCK HLT for HLT waits for ever.
                made.fails_safely = what != "lock" || instruction.runs_without_intercept;
                made.needs_to_execute = {};
            }
            table.row(made);
        };
        for (const Prefix& prefix : meaningless) {
            row(prefix.name, prefix.modes, std::nullopt);
        }
        row("lock", widths, Delivery{.vector = 6});
        row("16_bytes", widths, Delivery{.vector = 13, .error_code = 0});
    }
    locked_instructions(table);
}

const Registration registration{prefixes};

} // namespace
} // namespace vmrunit::cases
