// SPDX-License-Identifier: GPL-2.0-only
// Prefixes in front of intercepted instructions. Those that mean nothing there are part of the
// instruction, so RIP is theirs and the next RIP lies behind them all. LOCK makes it invalid, and a
// sixteenth byte is one too many: both exceptions come before any intercept, as no instruction has
// been found yet. APM3 1.2; APM2 8.2.14, 15.9.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"

#include <string>

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
         .executed = {.fields = {{field::rax, {}, 0xff, Match::free}}}},
    };
}

// clang-format on

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
                made.needs_to_execute = {};
            }
            table.row(made);
        };
        for (const Prefix& prefix : meaningless) {
            row(prefix.name, prefix.modes, std::nullopt);
        }
        // A subject that takes LOCK HLT for HLT would wait for ever.
        if (instruction.runs_without_intercept) {
            row("lock", widths, Delivery{.vector = 6});
        }
        row("16_bytes", widths, Delivery{.vector = 13, .error_code = 0});
    }
}

const Registration registration{prefixes};

} // namespace
} // namespace vmrunit::cases
