// SPDX-License-Identifier: GPL-2.0-only
// A task whose TSS has the T bit: #DB comes behind the switch, before the task's first instruction,
// with DR6.BT set. APM2 12.2.4, 12.3, 13.1.1.3, 15.12.2;
// the switch itself is in task_switch.cpp.

#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/tasks.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

#include <vector>

namespace vmrunit::cases {
namespace {

namespace dr6 = svm::dr6;
namespace field = svm::field;
using svm::Intercept;

constexpr std::uint32_t trap_word = 0x64; ///< Of a 32-bit TSS: its T bit.

std::vector<Step> task(const Tasks& tasks, bool traps) {
    return join(incoming_task(tasks), {in_l2_memory(incoming_tss + trap_word, 2, traps ? 1 : 0)});
}

/// All but RSP, which the delivery of #DB changes once more.
Effect switched(const Tasks& tasks) {
    constexpr auto rbx = static_cast<unsigned>(Register::rbx);
    Effect effect =
        task_switched(tasks, TaskWay::jump, 0, at_after, fresh_register(rbx) & 0xffff'ffff);
    std::erase_if(effect.fields, [](const FieldExpectation& one) {
        return one.field.offset == svm::field::rsp.offset;
    });
    return effect;
}

void task_switch_trap(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const Tasks& tasks : {pae_tasks, legacy_tasks}) {
        InstructionRow row{.subject = "exception_db",
                           .variant = "task_switch",
                           .program = "jump_to_tss",
                           .intercept = Intercept::exception_db,
                           .manual = "APM2 13.1.1.3, 15.12.2",
                           .modes = tasks.modes,
                           .setup = task(tasks, true),
                           .prologue = switched(tasks),
                           .taken_rip = at_marker,
                           .taken_fields = {{field::rsp, in_memory(incoming_stack)}},
                           .raises =
                               Delivery{.vector = 1,
                                        .return_rip = at_marker,
                                        .rsp_adjust = std::uint64_t{incoming_stack} - l2_stack_end},
                           .also_meets = {Intercept::task_switch}};
        row.prologue.fields.push_back({field::dr6, dr6::reset | dr6::bt});
        table.row(row);
        // No T bit, no #DB.
        row.variant = "task_switch_without_trap";
        row.setup = task(tasks, false);
        row.prologue = switched(tasks);
        row.executed = {.fields = {{field::rsp, in_memory(incoming_stack)}}};
        row.raises.reset();
        row.reach = Reach::not_covered;
        table.row(row);
    }
}

const Registration registration{task_switch_trap};

} // namespace
} // namespace vmrunit::cases
