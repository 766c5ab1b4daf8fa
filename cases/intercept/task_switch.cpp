// SPDX-License-Identifier: GPL-2.0-only
// Hardware task switches, which exist outside long mode only. The exit comes after the checks on
// the incoming TSS and before anything is switched: RIP is still at the jump, the TSS still
// available. APM2 15.14.1; what a switch does: 12.3.

#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/idle_task.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/svm/segment.hpp"
#include "harness/world.hpp"

#include <array>
#include <cstddef>
#include <tuple>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;
using svm::TaskSwitch;

Effect switched() {
    Effect effect{.fields = {{field::rax, idle_task_value(0)},
                             {field::rsp, in_memory(idle_task_stack)},
                             {field::cr0, svm::cr0::ts, svm::cr0::ts}}};
    const auto memory = [&](std::uint32_t offset, std::uint8_t size, Value value,
                            Match match = Match::equals) {
        effect.memory.push_back({Region::l2_memory, offset, size, value, ~std::uint64_t{0}, match});
    };
    for (unsigned i = 0; i < 8; ++i) {
        const auto reg = static_cast<Register>(i);
        if (reg != Register::rax && reg != Register::rsp) {
            effect.registers.push_back({reg, idle_task_value(i)});
            memory(outgoing_tss + tss::registers + 4 * i, 4, fresh_register(i) & 0xffff'ffff);
        }
    }
    memory(outgoing_tss + tss::registers, 4, 0x1357'9bdf);
    memory(outgoing_tss + tss::esp, 4, in_memory(l2_stack_end));
    memory(outgoing_tss + tss::eip, 4, at_after);
    memory(outgoing_tss + tss::eflags, 4, svm::rflags::always_one);
    memory(outgoing_tss + tss::cs, 2, l2_selector::code32);
    for (const std::uint32_t segment : tss::data_segments) {
        memory(outgoing_tss + segment, 2, l2_selector::data);
    }
    for (std::uint32_t segment = tss::es; segment <= tss::data_segments.back(); segment += 4) {
        memory(outgoing_tss + segment + 2, 2, {}, Match::free); // Reserved.
    }
    const auto busy = svm::system_attributes(svm::segment_type::tss_busy).value;
    const auto idle = svm::system_attributes(svm::segment_type::tss_available).value;
    memory(l2_selector::tss32 + type_byte, 1, idle);
    memory(l2_selector::idle_tss32 + type_byte, 1, busy);
    return effect;
}

/// The other ways into a task. What they do when they are not intercepted differs from a jump in
/// the NT flag and the link, which is not what these rows are about. APM2 12.3, 15.14.1.
void other_ways(InstructionTable& table, const Modes& modes, Region root) {
    const auto bits = [](auto... ranges) { return (ranges.mask() | ...); };
    constexpr auto iret = TaskSwitch::by_iret;
    constexpr auto jump = TaskSwitch::by_far_jump;
    constexpr auto has_code = TaskSwitch::error_code_valid;
    constexpr auto code = TaskSwitch::error_code;
    struct Way {
        std::string_view variant, program;
        std::vector<Step> setup;
        std::vector<FieldExpectation> fields; ///< Besides the selector.
    };
    const auto row = [&](const Way& way, bool confirmed = true) {
        std::vector<Step> setup = idle_task(root);
        setup.insert(setup.end(), way.setup.begin(), way.setup.end());
        std::vector<FieldExpectation> fields{{field::exit_info_1, l2_selector::idle_tss32, 0xffff}};
        fields.insert(fields.end(), way.fields.begin(), way.fields.end());
        table.row({.subject = "task_switch",
                   .variant = way.variant,
                   .program = way.program,
                   .intercept = Intercept::task_switch,
                   .manual = "APM2 15.14.1",
                   .modes = modes,
                   .setup = setup,
                   .taken_fields = fields,
                   .also_meets = {Intercept::iret, Intercept::int_n, Intercept::exception_gp},
                   .runs_without_intercept = false,
                   .confirmed = confirmed});
    };
    const FieldExpectation neither{field::exit_info_2, 0, bits(iret, jump, has_code)};
    row({"far_call", "call_tss", {}, {neither}});
    // A TSS that is not present, or busy already.
    for (const auto& [variant, type, vector] :
         {std::tuple{"absent", 0x09, 11}, std::tuple{"busy", 0x8b, 13}}) {
        table.row({.subject = "task_switch",
                   .variant = variant,
                   .program = "jump_to_tss",
                   .intercept = Intercept::task_switch,
                   .manual = "APM2 12.3, 15.14.1",
                   .modes = modes,
                   .setup = join(idle_task(root), {in_l2_memory(l2_selector::idle_tss32 + type_byte,
                                                                1, static_cast<unsigned>(type))}),
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = static_cast<std::uint8_t>(vector),
                                      .error_code = l2_selector::idle_tss32}});
    }
    // A task that returns to another finds it in its link, and that one busy.
    const auto busy = svm::system_attributes(svm::segment_type::tss_busy).value;
    row({"iret",
         "iret",
         {vmcb_set(field::rflags, svm::rflags::nt),
          in_l2_memory(outgoing_tss, 2, l2_selector::idle_tss32),
          in_l2_memory(l2_selector::idle_tss32 + type_byte, 1, busy)},
         {{field::exit_info_2, iret.mask(), bits(iret, jump, has_code)}}});
    constexpr std::uint8_t vector = 0x40;
    row({"gate_of_int_n",
         "int_40",
         task_gate(vector),
         {neither, being_delivered(
                       svm::EventInformation::event(svm::EventType::software_interrupt, vector))}});
    std::vector<Step> faults = task_gate(13);
    faults.emplace_back(l2_register(Register::rbx, beyond_gdt));
    row({"gate_of_gp",
         "raise_gp",
         faults,
         {{field::exit_info_2, has_code.mask() | beyond_gdt, bits(iret, jump, has_code, code)},
          being_delivered(
              svm::EventInformation::event(svm::EventType::exception, 13, beyond_gdt))}});
    // The RFLAGS that a fault would push have RF set.
    row({"gate_of_gp_resume_flag",
         "raise_gp",
         faults,
         {{field::exit_info_2, TaskSwitch::resume_flag.mask(), TaskSwitch::resume_flag.mask()},
          {field::exit_int_info, {}, ~std::uint64_t{0}, Match::free}}},
        false);
    row({"far_jump_resume_flag",
         "jump_to_tss",
         {},
         {{field::exit_info_2, 0, TaskSwitch::resume_flag.mask()}}});
}

void task_switch(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    struct Mode {
        Modes modes;
        Region root;
    };
    // clang-format off
    for (const Mode& mode : {Mode{{false, false, true, false}, Region::pae_pdpt},
                             Mode{{false, false, false, true}, Region::legacy_pd}}) {
        table.row({.subject = "task_switch", .variant = "far_jump", .program = "jump_to_tss",
                   .intercept = Intercept::task_switch, .manual = "APM2 15.14.1",
                   .modes = mode.modes,
                   .setup = idle_task(mode.root),
                   .taken_fields = {{field::exit_info_1, l2_selector::idle_tss32, 0xffff},
                                    {field::exit_info_2, TaskSwitch::by_far_jump.mask(),
                                     TaskSwitch::by_far_jump.mask() | TaskSwitch::by_iret.mask() |
                                         TaskSwitch::error_code_valid.mask()}},
                   .executed = switched()});
        other_ways(table, mode.modes, mode.root);
    }
    // clang-format on
}

const Registration registration{task_switch};

} // namespace
} // namespace vmrunit::cases
