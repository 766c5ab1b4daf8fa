// SPDX-License-Identifier: GPL-2.0-only
// Instructions that CPUID says the CPU does not have, with their intercept set: the #UD comes
// first. A target hides features by its options (docs/targets.md); on others these rows are SKIP.
//
// SVM's own instructions are not among them: EFER.SVME, which L2 cannot be without, is enough for
// SKINIT and STGI whatever CPUID says of SKINIT (intercept/skinit). Nor are RDTSC and RDMSR,
// without which no L1 here begins. APM2 15.9, table 15-7; APM3 for the instructions.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/vmcb.hpp"

namespace vmrunit::cases {
namespace {

using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.9, APM3";
constexpr Delivery invalid_opcode{.vector = 6};

// clang-format off

void undefined(InstructionTable& table) {
    struct Instruction {
        std::string_view subject, variant, program;
        Intercept intercept;
        svm::Features without;
    };
    // MCOMMIT is the opcode of MONITORX with a prefix.
    const Instruction instructions[] = {
        {"rdtscp",     "hidden",          "rdtscp",   Intercept::rdtscp,     Feature::rdtscp},
        {"rdtsc",      "rdtscp_hidden",   "rdtscp",   Intercept::rdtsc,      Feature::rdtscp},
        {"rdpru",      "hidden",          "rdpru",    Intercept::rdpru,      Feature::rdpru},
        {"monitor",    "hidden",          "monitor",  Intercept::monitor,    Feature::monitor},
        {"mwait",      "hidden",          "mwait",    Intercept::mwait,      Feature::monitor},
        {"mwait_cond", "hidden",          "mwait",    Intercept::mwait_cond, Feature::monitor},
        {"monitor",    "monitorx_hidden", "monitorx", Intercept::monitor,    Feature::monitorx},
        {"mwait",      "mwaitx_hidden",   "mwaitx",   Intercept::mwait,      Feature::monitorx},
        {"xsetbv",     "hidden",          "xsetbv",   Intercept::xsetbv,     Feature::xsave},
        {"mcommit",    "hidden",          "mcommit",  Intercept::mcommit,    {Feature::mcommit, Feature::monitorx}},
        {"tlbsync",    "hidden",          "tlbsync",  Intercept::tlbsync,    Feature::invlpgb},
        {"invlpgb",    "hidden",          "invlpgb",  Intercept::invlpgb,    Feature::invlpgb},
        {"invpcid",    "hidden",          "invpcid",  Intercept::invpcid,    Feature::invpcid},
        {"cr8_read",   "lock_mov_cr0_hidden", "lock_read_cr0",  Intercept::cr8_read,  Feature::alt_mov_cr8},
        {"cr0_read",   "lock_mov_cr0_hidden", "lock_read_cr0",  Intercept::cr0_read,  Feature::alt_mov_cr8},
        {"cr8_write",  "lock_mov_cr0_hidden", "lock_write_cr0", Intercept::cr8_write, Feature::alt_mov_cr8},
        {"cr0_write",  "lock_mov_cr0_hidden", "lock_write_cr0", Intercept::cr0_write, Feature::alt_mov_cr8},
    };
    for (const Instruction& one : instructions) {
        table.row({.subject = one.subject, .variant = one.variant, .program = one.program,
                   .intercept = one.intercept, .manual = manual, .without = one.without,
                   .cpl3 = AtCpl3::same,
                   .setup = {l2_register(Register::rdi, l2_data), l2_register(Register::rax, 0),
                             l2_register(Register::rcx, 0), l2_register(Register::rdx, 0),
                             l2_register(Register::rbx, 0)},
                   .reach = Reach::exception_first, .raises = invalid_opcode});
    }
}

/// A prefix that means nothing makes no other instruction: WBNOINVD is WBINVD then.
void still_defined(InstructionTable& table) {
    table.row({.subject = "wbinvd", .variant = "wbnoinvd_hidden", .program = "wbnoinvd",
               .intercept = Intercept::wbinvd, .manual = manual, .without = Feature::wbnoinvd,
               .cpl3 = AtCpl3::gp_first});
}

// clang-format on

void hidden_features(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    undefined(table);
    still_defined(table);
}

const Registration registration{hidden_features};

} // namespace
} // namespace vmrunit::cases
