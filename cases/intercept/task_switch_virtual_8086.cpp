// SPDX-License-Identifier: GPL-2.0-only
// Task switches out of virtual-8086 mode, which has no other way to one than a gate of the IDT. The
// outgoing TSS holds EFLAGS with VM, segments as that mode has them, and what INT n needs to get to
// the IDT at all: IOPL 3, and with CR4.VME a set bit in the TSS. APM2 8.2.14, 8.7, 12.2.4, 15.14.1.

#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/tasks.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/svm/segment.hpp"
#include "harness/world.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::Feature;
using svm::Intercept;
using svm::TaskSwitch;

constexpr std::uint8_t vector = 0x40;
constexpr std::uint32_t beyond_segment = 0x1'0000 - 3;
constexpr std::uint64_t from_event = TaskSwitch::by_iret.mask() | TaskSwitch::by_far_jump.mask() |
                                     TaskSwitch::error_code_valid.mask();

Tasks tasks_of_monitor() {
    Tasks tasks = legacy_tasks;
    tasks.modes = only_v86;
    return tasks;
}

/// The byte of the interrupt redirection bitmap that has the vector's bit. The bitmap ends where
/// the I/O permission bitmap begins, here within the slots of the segments: SS and what follows it.
std::uint32_t redirection_of(const Tasks& tasks, std::uint8_t vector_number) {
    constexpr std::uint32_t bitmap_size = 32;
    return tasks.outgoing + world::tss_limit + 1 - bitmap_size + vector_number / 8u;
}

/// A switch by an event.
struct Switch {
    std::string_view variant, program;
    std::vector<Step> setup;
    std::uint64_t rflags; ///< Without VM.
    EventInformation event;
    Value saved_ip;
    svm::Features needs{};
};

ExitExpectation at_flat_marker() {
    ExitExpectation exit;
    exit.rip = linear(at_marker);
    exit.next_rip = linear({Anchor::marker, 0, 3});
    return exit;
}

Effect left_virtual_8086(const Tasks& tasks, const Switch& made) {
    const TssLayout& tss = tasks.layout;
    constexpr auto rbx = static_cast<unsigned>(Register::rbx);
    Effect effect =
        task_switched(tasks, TaskWay::call, 3, made.saved_ip, fresh_register(rbx) & 0xffff'ffff);
    const auto memory = [&](std::uint32_t offset, std::uint8_t size, Value value,
                            std::uint64_t mask = ~std::uint64_t{0}) {
        effect.memory.push_back({Region::l2_memory, offset, size, value, mask});
    };
    memory(tasks.outgoing + tss.flags, 4, made.rflags | svm::rflags::vm, ~svm::rflags::rf);
    for (unsigned i = 0; i < tss.segment_count; ++i) {
        memory(tasks.outgoing + tss.segments + tss.slot * i, 2,
               i == cs_number ? fresh(field::cs_selector) : Value{0});
    }
    for (const auto& [limit, base] :
         {std::pair{field::es_limit, field::es_base}, std::pair{field::cs_limit, field::cs_base},
          std::pair{field::ss_limit, field::ss_base}, std::pair{field::ds_limit, field::ds_base}}) {
        effect.fields.push_back({limit, world::flat_limit});
        effect.fields.push_back({base, 0});
    }
    if (made.event.test(EventInformation::error_code_valid)) {
        const std::uint32_t stack = incoming_stack - tss.slot;
        effect.fields.push_back({field::rsp, in_memory(stack)});
        memory(stack, tss.slot, 0);
        memory(tasks.outgoing + tss.registers + tss.slot * static_cast<unsigned>(Register::rdi),
               tss.slot, beyond_segment);
    }
    return effect;
}

void switches_out(InstructionTable& table) {
    const Tasks tasks = tasks_of_monitor();
    constexpr std::uint64_t iopl_3 = svm::rflags::always_one | svm::rflags::iopl;
    const std::vector<Step> by_int_n =
        join(task_gate(tasks, vector), {vmcb_set(field::rflags, svm::rflags::iopl)});
    const EventInformation int_n = EventInformation::event(EventType::software_interrupt, vector);
    for (const Switch& made : std::vector<Switch>{
             {"gate_of_int_n", "int_40", by_int_n, iopl_3, int_n, at_after},
             {"gate_of_int_n_vme", "int_40",
              join(by_int_n, {vmcb_set(field::cr4, svm::cr4::vme),
                              in_l2_memory(redirection_of(tasks, vector), 1, 1 << vector % 8)}),
              iopl_3, int_n, at_after, Feature::vme},
             {"gate_of_gp", "read_through_ds",
              join(task_gate(tasks, 13), {l2_register(Register::rdi, beyond_segment)}),
              svm::rflags::always_one, EventInformation::event(EventType::exception, 13, 0),
              at_insn}}) {
        const bool has_code = made.event.test(EventInformation::error_code_valid);
        table.row({.subject = "task_switch",
                   .variant = made.variant,
                   .program = made.program,
                   .intercept = Intercept::task_switch,
                   .manual = "APM2 12.2.4, 15.14.1",
                   .needs = made.needs,
                   .modes = tasks.modes,
                   .cpl3 = AtCpl3::only,
                   .setup = join(incoming_task(tasks), made.setup),
                   .taken_fields = {{field::exit_info_1, tasks.incoming_selector, 0xffff},
                                    {field::exit_info_2,
                                     has_code ? TaskSwitch::error_code_valid.mask() : 0,
                                     from_event | (has_code ? TaskSwitch::error_code.mask() : 0)},
                                    being_delivered(made.event)},
                   .executed = left_virtual_8086(tasks, made),
                   .ends_with = at_flat_marker(),
                   .also_meets = {Intercept::int_n, Intercept::exception_gp}});
    }
}

/// Where INT n is not allowed it is #GP, and nobody asks the gate.
void not_allowed(InstructionTable& table) {
    const Tasks tasks = tasks_of_monitor();
    const auto row = [&](std::string_view variant, const std::vector<Step>& setup,
                         svm::Features needs) {
        table.row({.subject = "task_switch",
                   .variant = variant,
                   .program = "int_40",
                   .intercept = Intercept::task_switch,
                   .manual = "APM2 8.2.14, 15.14.1",
                   .needs = needs,
                   .modes = tasks.modes,
                   .cpl3 = AtCpl3::only,
                   .setup = join(join(incoming_task(tasks), task_gate(tasks, vector)), setup),
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = 13, .error_code = 0}});
    };
    row("gate_of_int_n_iopl_0", {}, {});
    row("gate_of_int_n_iopl_0_vme",
        {vmcb_set(field::cr4, svm::cr4::vme),
         in_l2_memory(redirection_of(tasks, vector), 1, 1 << vector % 8)},
        Feature::vme);
}

void task_switch_virtual_8086(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    switches_out(table);
    not_allowed(table);
}

const Registration registration{task_switch_virtual_8086};

} // namespace
} // namespace vmrunit::cases
