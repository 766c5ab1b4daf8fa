// SPDX-License-Identifier: GPL-2.0-only
// An instruction breakpoint comes before the instruction is decoded, and so before its intercept:
// #DB exits, or goes to L2's handler, with the instruction's intercept set as well. With RF set
// there is no #DB, and the instruction's intercept is taken. APM2 8.5, 13.1.1, 13.1.3, 15.9.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace dr6 = svm::dr6;
namespace field = svm::field;
using svm::Intercept;

/// DR0 for the execution of an instruction.
constexpr std::uint64_t breakpoint_0 = svm::dr7::reset | svm::dr7::l0;
constexpr std::uint16_t port = 0x80;

struct Intercepted {
    std::string_view program; ///< The same with breakpoint_on_ before it sets DR0 itself.
    std::string_view subject;
    Intercept intercept;
};
// clang-format off
constexpr std::array instructions{
    Intercepted{"cpuid",     "cpuid",     Intercept::cpuid},
    Intercepted{"hlt",       "hlt",       Intercept::hlt},
    Intercepted{"pause",     "pause",     Intercept::pause},
    Intercepted{"rdtsc",     "rdtsc",     Intercept::rdtsc},
    Intercepted{"rdmsr",     "msr_read",  Intercept::msr_prot},
    Intercepted{"in_80",     "ioio",      Intercept::ioio_prot},
    Intercepted{"int_40",    "int_n",     Intercept::int_n},
    Intercepted{"vmmcall",   "vmmcall",   Intercept::vmmcall},
    Intercepted{"write_cr0", "cr0_write", Intercept::cr0_write},
};
// clang-format on

/// The port is closed, ECX names an MSR that the map does not have, and CR0 may have what is in
/// RBX: nothing but the breakpoint stands before the exit.
std::vector<Step> intercepts_it(const Intercepted& one) {
    return {intercepting(one.intercept),
            Write{wire::Op::Code::set_bits, Region::io_permissions, port / 8, 1, 1 << port % 8},
            l2_register(Register::rcx, 0x1234'5678), l2_register(Register::rbx, fresh(field::cr0))};
}

void breakpoint_first(InstructionTable& table, const Intercepted& one) {
    const std::string program = "breakpoint_on_" + std::string{one.program};
    exception(table, {.variant = program,
                      .program = program,
                      .delivery = {.vector = 1},
                      .modes = flat_modes,
                      .cpl3 = AtCpl3::not_run,
                      .setup = join(intercepts_it(one), {l2_register(Register::rdi, at_insn),
                                                         vmcb_field(field::dr7, breakpoint_0)}),
                      .written_first = {.fields = {{field::dr6, dr6::reset | dr6::b0}}},
                      .reaches_idt = true,
                      .also_meets = {Intercept::dr0_write}});
}

/// RF of the VMCB is for L2's first instruction, so DR0 is L1's, and 64-bit L2 that a 32-bit L1
/// gives registers is not asked: it begins with moves.
void resume_flag(InstructionTable& table, const Intercepted& one) {
    const auto free = [](svm::FieldRef place, std::uint64_t mask = ~std::uint64_t{0}) {
        return FieldExpectation{place, {}, mask, Match::free};
    };
    InstructionRow row{
        .subject = one.subject,
        .variant = "breakpoint_resume_flag",
        .program = one.program,
        .intercept = one.intercept,
        .manual = "APM2 13.1.3, 15.5.1, 15.9",
        .modes = only_32bit,
        .setup = join(intercepts_it(one), {L1Write{wire::L1Register::dr0, 0, linear(at_insn)},
                                           vmcb_field(field::dr7, breakpoint_0),
                                           vmcb_set(field::rflags, svm::rflags::rf),
                                           intercepting(Intercept::exception_db)}),
        // What the exit says of the instruction, and RF of it, other rows ask.
        .taken_fields = {free(field::exit_info_1), free(field::exit_info_2),
                         free(field::rflags, svm::rflags::rf)},
        .runs_without_intercept = false};
    table.row(row);
    row.modes = only_long64;
    row.l1_modes = only_l1_long64;
    table.row(row);
}

void breakpoint_priority(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const Intercepted& one : instructions) {
        breakpoint_first(table, one);
        resume_flag(table, one);
    }
}

const Registration registration{breakpoint_priority};

} // namespace
} // namespace vmrunit::cases
