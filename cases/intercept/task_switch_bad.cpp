// SPDX-License-Identifier: GPL-2.0-only
// Tasks that cannot be switched to: a TSS that is not present, busy already, too short, or not the
// one to return to; and gates that are not present, or not for this CPL. What is wrong with a gate
// or the incoming TSS comes before the exit (spec: TSW-NOTSS). The error code names the descriptor
// that is wrong: the gate, or the TSS behind it. APM2 8.2.11, 8.2.12, 8.2.14, 12.3, 15.14.1.

#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/tasks.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;

constexpr std::uint8_t vector = 0x40;
constexpr std::uint8_t invalid_tss = 10;
constexpr std::uint8_t not_present = 11;
constexpr std::uint8_t general_protection = 13;

/// A task that is not entered.
struct Bad {
    std::string variant;
    std::string_view program;
    std::vector<Step> setup;
    std::uint8_t exception;
    std::uint32_t error_code;
    std::uint64_t rflags = svm::rflags::always_one;
    AtCpl3 cpl3 = AtCpl3::same;
};

void row(InstructionTable& table, const Tasks& tasks, const Bad& bad) {
    table.row({.subject = "task_switch",
               .variant = bad.variant,
               .program = bad.program,
               .intercept = Intercept::task_switch,
               .manual = "APM2 12.3, 15.14.1",
               .modes = tasks.modes,
               .cpl3 = bad.cpl3,
               .setup = join(incoming_task(tasks), bad.setup),
               .reach = Reach::exception_first,
               .raises = Delivery{
                   .vector = bad.exception, .error_code = bad.error_code, .rflags = bad.rflags}});
}

Step incoming_type(const Tasks& tasks, std::uint8_t bits) {
    return in_l2_memory(tasks.incoming_selector + descriptor::type_byte, 1,
                        descriptor::for_user | tasks.incoming_type | bits);
}

/// What may be wrong with the incoming TSS, whatever leads to it.
struct BadTss {
    std::string_view name;
    Step setup;
    std::uint8_t exception;
};
std::array<BadTss, 3> bad_tss(const Tasks& tasks) {
    return {
        {{"absent", incoming_type(tasks, 0), not_present},
         {"busy", incoming_type(tasks, descriptor::present | descriptor::busy), general_protection},
         {"too_short", in_l2_memory(tasks.incoming_selector, 2, tasks.layout.size - 2),
          invalid_tss}}};
}

/// By each of the ways but IRET.
void bad_tss_by_each_way(InstructionTable& table, const Tasks& tasks) {
    const Step gdt_gate = task_gate_in_gdt(tasks);
    struct Way {
        std::string_view suffix, program;
        std::vector<Step> setup;
    };
    for (const Way& way :
         std::vector<Way>{{"", "jump_to_tss", {}},
                          {"_call", "call_tss", {}},
                          {"_jump_task_gate", "jump_to_task_gate", {gdt_gate}},
                          {"_call_task_gate", "call_task_gate", {gdt_gate}},
                          {"_gate_of_int_n", "int_40", task_gate(tasks, vector)}}) {
        for (const BadTss& bad : bad_tss(tasks)) {
            row(table, tasks,
                {.variant = std::string{bad.name} + std::string{way.suffix},
                 .program = way.program,
                 .setup = join(way.setup, {bad.setup}),
                 .exception = bad.exception,
                 .error_code = tasks.incoming_selector});
        }
    }
}

/// IRET asks for the opposite: the task to return to is a busy one.
void bad_links(InstructionTable& table, const Tasks& tasks) {
    const std::uint16_t selector = tasks.incoming_selector;
    const Step nested = vmcb_set(field::rflags, svm::rflags::nt);
    constexpr std::uint64_t with_nt = svm::rflags::always_one | svm::rflags::nt;
    row(table, tasks,
        {"iret_null_link",
         "iret",
         {nested, in_l2_memory(tasks.outgoing, 2, 0)},
         invalid_tss,
         0,
         with_nt});
    row(table, tasks,
        {"iret_idle_link",
         "iret",
         {nested, in_l2_memory(tasks.outgoing, 2, selector)},
         invalid_tss,
         selector,
         with_nt});
}

/// The TSS behind the gate is a good one.
void bad_gates(InstructionTable& table, const Tasks& tasks) {
    const auto gdt_gate_without = [&](std::uint8_t bits) {
        Write change = in_l2_memory(task_gate_selector + descriptor::type_byte, 1, bits);
        change.code = wire::Op::Code::clear_bits;
        return std::vector<Step>{task_gate_in_gdt(tasks), change};
    };
    const std::vector<Step> idt_gate = task_gate(tasks, vector);
    const std::vector<Step> absent = gdt_gate_without(descriptor::present);
    const std::vector<Step> closed = gdt_gate_without(descriptor::for_user);
    // clang-format off
    for (const Bad& bad : std::vector<Bad>{
             {"jump_task_gate_absent", "jump_to_task_gate", absent, not_present, task_gate_selector},
             {"call_task_gate_absent", "call_task_gate", absent, not_present, task_gate_selector},
             {"gate_of_int_n_absent", "int_40", join(idt_gate, absent_gate(vector)), not_present,
              idt_error_code(vector)},
             {"jump_task_gate_closed", "jump_to_task_gate", closed, general_protection,
              task_gate_selector, svm::rflags::always_one, AtCpl3::only},
             {"call_task_gate_closed", "call_task_gate", closed, general_protection,
              task_gate_selector, svm::rflags::always_one, AtCpl3::only},
             {"gate_of_int_n_closed", "int_40", join(idt_gate, closed_gate(vector)),
              general_protection, idt_error_code(vector), svm::rflags::always_one, AtCpl3::only}}) {
        row(table, tasks, bad);
    }
    // clang-format on
}

void task_switch_bad(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const Tasks& tasks : {pae_tasks, legacy_tasks, small_tasks}) {
        bad_tss_by_each_way(table, tasks);
        bad_links(table, tasks);
        bad_gates(table, tasks);
    }
}

const Registration registration{task_switch_bad};

} // namespace
} // namespace vmrunit::cases
