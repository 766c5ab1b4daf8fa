// SPDX-License-Identifier: GPL-2.0-only
// Hardware task switches, which exist outside long mode only. The exit comes after the checks on
// the incoming TSS and before anything is switched: RIP is still at the jump, the TSS still
// available. APM2 15.14.1; what a switch does: 12.3.

#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/tasks.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/bits.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"

#include <string_view>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;
using svm::TaskSwitch;

constexpr auto by_iret = TaskSwitch::by_iret;
constexpr auto by_jump = TaskSwitch::by_far_jump;
constexpr auto has_code = TaskSwitch::error_code_valid;
constexpr std::uint64_t ways = by_iret.mask() | by_jump.mask() | has_code.mask();
constexpr std::uint8_t vector = 0x40;
constexpr std::string_view manual = "APM2 15.14.1";

FieldExpectation by_call() {
    return {field::exit_info_2, 0, ways};
}
FieldExpectation by_int_n() {
    return being_delivered(
        svm::EventInformation::event(svm::EventType::software_interrupt, vector));
}

/// A switch that is made, by each of the ways to one.
struct Made {
    std::string_view variant, program;
    std::vector<Step> setup;
    std::vector<FieldExpectation> taken; ///< Besides the selector.
    TaskWay way;
    /// The task was left by raise_gp, whose error code the new one's stack gets.
    bool is_fault = false;
};

void switches(InstructionTable& table, const Tasks& tasks) {
    const std::uint8_t busy =
        descriptor::present | descriptor::for_user | tasks.incoming_type | descriptor::busy;
    std::vector<Step> faults = task_gate(tasks, 13);
    faults.emplace_back(l2_register(Register::rbx, beyond_gdt));
    // clang-format off
    const std::vector<Made> all{
        {"far_jump", "jump_to_tss", {}, {{field::exit_info_2, by_jump.mask(), ways}}, TaskWay::jump},
        {"far_call", "call_tss", {}, {by_call()}, TaskWay::call},
        // The exit names the TSS, not the gate.
        {"far_jump_task_gate", "jump_to_task_gate", {task_gate_in_gdt(tasks)},
         {{field::exit_info_2, by_jump.mask(), ways}}, TaskWay::jump},
        {"far_call_task_gate", "call_task_gate", {task_gate_in_gdt(tasks)}, {by_call()}, TaskWay::call},
        // A task that returns to another finds it in its link, and that one busy.
        {"iret", "iret",
         {vmcb_set(field::rflags, svm::rflags::nt),
          in_l2_memory(tasks.outgoing, 2, tasks.incoming_selector),
          in_l2_memory(tasks.incoming_selector + descriptor::type_byte, 1, busy)},
         {{field::exit_info_2, by_iret.mask(), ways}}, TaskWay::ret},
        {"gate_of_int_n", "int_40", task_gate(tasks, vector), {by_call(), by_int_n()}, TaskWay::call},
        {"gate_of_gp", "raise_gp", faults,
         {{field::exit_info_2, has_code.mask() | beyond_gdt,
           ways | TaskSwitch::error_code.mask()},
          being_delivered(svm::EventInformation::event(svm::EventType::exception, 13,
                                                       beyond_gdt))},
         TaskWay::call, true}};
    // clang-format on
    for (const Made& made : all) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            std::vector<FieldExpectation> taken{
                {field::exit_info_1, tasks.incoming_selector, 0xffff}};
            taken.insert(taken.end(), made.taken.begin(), made.taken.end());
            constexpr auto rbx = static_cast<unsigned>(Register::rbx);
            Effect executed = task_switched(
                tasks, made.way, cpl, made.is_fault ? at_insn : at_after,
                made.is_fault ? beyond_gdt
                              : fresh_register(rbx) & svm::low_bits(tasks.layout.slot * 8u));
            if (made.is_fault) {
                const std::uint32_t at = incoming_stack - tasks.layout.slot;
                executed.fields.push_back(
                    {field::rsp, in_memory(at), svm::low_bits(tasks.layout.slot * 8u)});
                executed.memory.push_back({Region::l2_memory, at, tasks.layout.slot, beyond_gdt});
            }
            table.row({.subject = "task_switch",
                       .variant = made.variant,
                       .program = made.program,
                       .intercept = Intercept::task_switch,
                       .manual = manual,
                       .modes = tasks.modes,
                       .cpl3 = cpl == 3 ? AtCpl3::only : AtCpl3::not_run,
                       .setup = join(incoming_task(tasks), made.setup),
                       .taken_fields = taken,
                       .executed = executed,
                       .also_meets = {Intercept::iret, Intercept::int_n, Intercept::exception_gp}});
        }
    }
    // The RFLAGS that a fault would push have RF set.
    const auto resume_flag = [&](std::string_view variant, std::string_view program,
                                 const std::vector<Step>& setup,
                                 const std::vector<FieldExpectation>& taken) {
        table.row({.subject = "task_switch",
                   .variant = variant,
                   .program = program,
                   .intercept = Intercept::task_switch,
                   .manual = manual,
                   .modes = tasks.modes,
                   .setup = join(incoming_task(tasks), setup),
                   .taken_fields = taken,
                   .also_meets = {Intercept::iret, Intercept::int_n, Intercept::exception_gp},
                   .runs_without_intercept = false});
    };
    const FieldExpectation selector{field::exit_info_1, tasks.incoming_selector, 0xffff};
    resume_flag(
        "gate_of_gp_resume_flag", "raise_gp", faults,
        {selector,
         {field::exit_info_2, TaskSwitch::resume_flag.mask(), TaskSwitch::resume_flag.mask()},
         {field::exit_int_info, {}, ~std::uint64_t{0}, Match::free}});
    resume_flag("far_jump_resume_flag", "jump_to_tss", {},
                {selector, {field::exit_info_2, 0, TaskSwitch::resume_flag.mask()}});
}

void task_switch(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const Tasks& tasks : {pae_tasks, legacy_tasks, small_tasks}) {
        switches(table, tasks);
    }
    // Long mode knows no switches: to a jump a TSS is a bad selector. APM2 12.3.
    table.row({.subject = "task_switch",
               .variant = "long_mode",
               .program = "jump_to_tss",
               .intercept = Intercept::task_switch,
               .manual = "APM2 12.3",
               .modes = only(L2Mode::compat),
               .reach = Reach::exception_first,
               .raises = Delivery{.vector = 13, .error_code = l2_selector::idle_tss32}});
}

const Registration registration{task_switch};

} // namespace
} // namespace vmrunit::cases
