// SPDX-License-Identifier: GPL-2.0-only
// MOV of control and debug registers with another ModRM.mod than 11b: the operand is a register all
// the same, so what exits, and what executes, is the instruction as its own rows have it. APM3, MOV
// CRn and MOV DRn.

#include "cases/intercept/register_access.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;

constexpr std::string_view manual = "APM3 MOV CRn, MOV DRn; APM2 15.9";
constexpr std::uint64_t written_cr2 = 0x8765'4321;
constexpr std::uint64_t written_dr6 = svm::dr6::reset | svm::dr6::bs | svm::dr6::b2;

void mod_rm(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    struct Move {
        std::string_view subject, program;
        Intercept intercept;
        std::vector<Step> setup;
        FieldExpectation taken;
        Effect executed;
    };
    // clang-format off
    const Move moves[] = {
        {"cr0_read",  "read_cr0",  Intercept::cr0_read,  {}, moves_control(Register::rbx),
         {.registers = {{Register::rbx, fresh_cr0}}}},
        {"cr2_write", "write_cr2", Intercept::cr2_write, {l2_register(Register::rbx, written_cr2)},
         moves_control(Register::rbx), {.fields = {{field::cr2, written_cr2}}}},
        {"dr7_read",  "read_dr7",  Intercept::dr7_read,  {}, moves_debug(Register::rbx),
         {.registers = {{Register::rbx, svm::dr7::reset}}}},
        {"dr6_write", "write_dr6", Intercept::dr6_write, {l2_register(Register::rbx, written_dr6)},
         moves_debug(Register::rbx), {.fields = {{field::dr6, written_dr6}}}},
    };
    // clang-format on
    for (const Move& move : moves) {
        for (const char mod : {'0', '1', '2'}) {
            const std::string variant = std::string{"mod_"} + mod;
            const std::string program = std::string{move.program} + "_mod_" + mod;
            table.row({.subject = move.subject,
                       .variant = variant,
                       .program = program,
                       .intercept = move.intercept,
                       .manual = manual,
                       .cpl3 = AtCpl3::gp_first,
                       .setup = move.setup,
                       .taken_fields = {move.taken},
                       .executed = move.executed});
        }
    }
}

const Registration registration{mod_rm};

} // namespace
} // namespace vmrunit::cases
