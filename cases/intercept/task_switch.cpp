// SPDX-License-Identifier: GPL-2.0-only
// Hardware task switches, which exist outside long mode only. The exit comes after the checks on
// the incoming TSS and before anything is switched: RIP is still at the jump, the TSS still
// available. APM2 15.14.1; what a switch does: 12.3.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/bits.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/svm/segment.hpp"
#include "harness/world.hpp"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;
using svm::TaskSwitch;

/// Offsets in a TSS; slots of general and segment registers are in the order of their encoding, and
/// two bytes of each segment's count. APM2 12.2.4, 12.2.5.
struct Layout {
    std::uint32_t size, ip, flags, registers, segments;
    std::uint8_t slot; ///< Bytes.
    std::uint32_t segment_count;
};
constexpr Layout tss32_layout{0x68, 0x20, 0x24, 0x28, 0x48, 4, 6};
constexpr Layout tss16_layout{0x2c, 0x0e, 0x10, 0x12, 0x22, 2, 4};
constexpr std::uint32_t tss32_cr3 = 0x1c;
constexpr std::uint32_t tss32_io_map_base = 0x66;
constexpr unsigned cs_number = 1; ///< As segments are encoded: ES, CS, SS, DS, FS, GS.

/// Both tasks of a mode.
struct Tasks {
    Modes modes;
    Layout layout;
    Region root; ///< Page tables; a 16-bit TSS has no CR3.
    Region idt;
    std::uint32_t outgoing; ///< Where TR says, in L2's memory.
    std::uint16_t outgoing_selector, incoming_selector;
    std::uint8_t incoming_type; ///< Available.
    std::uint16_t code, data;   ///< Of ring 0.
    std::uint16_t user_code, user_data;
};
// clang-format off
constexpr Tasks pae_tasks{
    {false, false, true, false}, tss32_layout, Region::pae_pdpt, Region::legacy_idt,
    offsetof(L2Memory, tss32), l2_selector::tss32, l2_selector::idle_tss32, 0x9,
    l2_selector::code32, l2_selector::data, l2_selector::user_code32, l2_selector::user_data};
constexpr Tasks legacy_tasks{
    {false, false, false, true}, tss32_layout, Region::legacy_pd, Region::legacy_idt,
    offsetof(L2Memory, tss32), l2_selector::tss32, l2_selector::idle_tss32, 0x9,
    l2_selector::code32, l2_selector::data, l2_selector::user_code32, l2_selector::user_data};
constexpr Tasks small_tasks{
    only_prot16, tss16_layout, Region::legacy_pd, Region::idt16,
    offsetof(L2Memory, tss16), l2_selector::tss16, l2_selector::idle_tss16, 0x1,
    l2_selector::code16, l2_selector::data16, l2_selector::user_code16, l2_selector::user_data16};
// clang-format on

/// The incoming TSS lies in L2's data.
constexpr std::uint32_t incoming = l2_data_offset + 0x80;
constexpr std::uint32_t new_stack = l2_stack_end - 0x40;
constexpr std::uint32_t type_byte = 5; ///< Of a descriptor.
constexpr std::uint8_t type_busy = 2;
constexpr std::uint8_t present = 0x80;
constexpr std::uint8_t for_user = 0x60; ///< DPL 3: the incoming task is CPL 3's to call.
constexpr std::uint32_t old_rax = 0x1357'9bdf;

constexpr std::uint64_t new_value(unsigned number) {
    return 0x7000'0000 + 0x1111 * number;
}

Write in_l2(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::l2_memory, offset, size, value};
}

std::vector<Step> task(const Tasks& tasks) {
    const Layout& tss = tasks.layout;
    // All of L2's memory is one page, so only the low half of the address differs.
    std::vector<Step> steps{
        in_l2(tasks.incoming_selector + 2, 2, in_memory(incoming)),
        in_l2(tasks.incoming_selector + type_byte, 1, present | for_user | tasks.incoming_type),
        Write{wire::Op::Code::fill, Region::l2_memory, incoming, 0, tss.size},
        in_l2(incoming + tss.ip, tss.slot, at_marker),
        in_l2(incoming + tss.flags, tss.slot, svm::rflags::always_one),
        l2_register(Register::rax, old_rax),
    };
    if (tss.slot == 4) {
        steps.emplace_back(in_l2(incoming + tss32_cr3, 4, in_region(tasks.root)));
        steps.emplace_back(in_l2(incoming + tss32_io_map_base, 2, tss.size));
    }
    for (unsigned i = 0; i < 8; ++i) {
        const bool is_stack = i == static_cast<unsigned>(Register::rsp);
        steps.emplace_back(in_l2(incoming + tss.registers + tss.slot * i, tss.slot,
                                 is_stack ? in_memory(new_stack) : Value{new_value(i)}));
    }
    for (unsigned i = 0; i < tss.segment_count; ++i) {
        steps.emplace_back(in_l2(incoming + tss.segments + tss.slot * i, 2,
                                 i == cs_number ? tasks.code : tasks.data));
    }
    return steps;
}

/// How the incoming task comes to run. APM2 12.3.3.
enum class Way : std::uint8_t { jump, call, ret };

/// L2 runs the incoming task, in ring 0; the outgoing TSS holds what it left.
Effect switched(const Tasks& tasks, Way way, std::uint8_t cpl, Value saved_ip, Value saved_rbx) {
    const Layout& tss = tasks.layout;
    const std::uint64_t mask = svm::low_bits(tss.slot * 8u);
    Effect effect{.fields = {{field::cr0, svm::cr0::ts, svm::cr0::ts}}};
    const auto memory = [&](std::uint32_t offset, std::uint8_t size, Value value,
                            Match match = Match::equals) {
        effect.memory.push_back({Region::l2_memory, offset, size, value, ~std::uint64_t{0}, match});
    };
    // What a 16-bit TSS puts into the upper halves is not said.
    const std::uint64_t loaded = tss.slot == 4 ? ~std::uint64_t{0} : mask;
    for (const auto& [place, value] : {std::pair{field::rax, Value{new_value(0)}},
                                       std::pair{field::rsp, in_memory(new_stack)}}) {
        effect.fields.push_back({place, value, loaded});
        if (tss.slot == 2) {
            effect.fields.push_back({place, {}, ~loaded, Match::free});
        }
    }
    for (unsigned i = 0; i < 8; ++i) {
        const auto reg = static_cast<Register>(i);
        if (reg != Register::rax && reg != Register::rsp) {
            effect.registers.push_back({reg, new_value(i), loaded});
            if (tss.slot == 2) {
                effect.registers.push_back({reg, {}, ~loaded, Match::free});
            }
            memory(tasks.outgoing + tss.registers + tss.slot * i, tss.slot,
                   reg == Register::rbx ? saved_rbx : Value{fresh_register(i)} & mask);
        }
    }
    memory(tasks.outgoing + tss.registers, tss.slot, old_rax & mask);
    memory(tasks.outgoing + tss.registers + tss.slot * 4u, tss.slot, in_memory(l2_stack_end));
    memory(tasks.outgoing + tss.ip, tss.slot, saved_ip);
    // RF of what a fault leaves is not what these rows are about.
    effect.memory.push_back({Region::l2_memory, tasks.outgoing + tss.flags, tss.slot,
                             svm::rflags::always_one, ~svm::rflags::rf});
    effect.memory.push_back({Region::l2_memory,
                             tasks.outgoing + tss.flags,
                             tss.slot,
                             {},
                             svm::rflags::rf,
                             Match::free});
    const bool user = cpl == 3;
    for (unsigned i = 0; i < tss.segment_count; ++i) {
        const std::uint32_t at = tasks.outgoing + tss.segments + tss.slot * i;
        memory(at, 2,
               i == cs_number ? (user ? tasks.user_code : tasks.code)
                              : (user ? tasks.user_data : tasks.data));
        if (tss.slot == 4) {
            memory(at + 2, 2, {}, Match::free); // Reserved.
        }
    }
    // A task that calls is busy as long as it waits; one that is called knows whom it returns to.
    const std::uint8_t type = tasks.incoming_type;
    if (way != Way::call) {
        memory(tasks.outgoing_selector + type_byte, 1, present | type);
    } else {
        memory(incoming, 2, tasks.outgoing_selector);
        effect.fields.push_back({field::rflags, svm::rflags::always_one | svm::rflags::nt});
    }
    if (way != Way::ret) {
        memory(tasks.incoming_selector + type_byte, 1, present | for_user | type | type_busy);
    } else {
        effect.fields.push_back({field::rflags, svm::rflags::always_one});
    }
    if (user) {
        const bool small = tss.slot == 2;
        effect.fields.push_back({field::cpl, 0});
        effect.fields.push_back({field::cs_selector, tasks.code});
        effect.fields.push_back(
            {field::cs_attributes,
             (small ? svm::code16_attributes() : svm::code32_attributes()).value});
        for (const auto& [selector, attributes] :
             {std::pair{field::es_selector, field::es_attributes},
              std::pair{field::ss_selector, field::ss_attributes},
              std::pair{field::ds_selector, field::ds_attributes}}) {
            effect.fields.push_back({selector, tasks.data});
            effect.fields.push_back(
                {attributes, (small ? svm::data16_attributes() : svm::data32_attributes()).value});
        }
    }
    return effect;
}

/// The gate of a vector leads to the incoming TSS: present, DPL 3, type 5.
std::vector<Step> task_gate(const Tasks& tasks, std::uint8_t vector) {
    const std::uint32_t gate = vector * 8u;
    return {Write{wire::Op::Code::write, tasks.idt, gate + 2, 2, tasks.incoming_selector},
            Write{wire::Op::Code::write, tasks.idt, gate + type_byte, 1, 0xe5}};
}

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
    Way way;
    /// The task was left by raise_gp, whose error code the new one's stack gets.
    bool is_fault = false;
};

void switches(InstructionTable& table, const Tasks& tasks) {
    const std::uint8_t busy = present | for_user | tasks.incoming_type | type_busy;
    std::vector<Step> faults = task_gate(tasks, 13);
    faults.emplace_back(l2_register(Register::rbx, beyond_gdt));
    // clang-format off
    const std::vector<Made> all{
        {"far_jump", "jump_to_tss", {}, {{field::exit_info_2, by_jump.mask(), ways}}, Way::jump},
        {"far_call", "call_tss", {}, {by_call()}, Way::call},
        // A task that returns to another finds it in its link, and that one busy.
        {"iret", "iret",
         {vmcb_set(field::rflags, svm::rflags::nt),
          in_l2(tasks.outgoing, 2, tasks.incoming_selector),
          in_l2(tasks.incoming_selector + type_byte, 1, busy)},
         {{field::exit_info_2, by_iret.mask(), ways}}, Way::ret},
        {"gate_of_int_n", "int_40", task_gate(tasks, vector), {by_call(), by_int_n()}, Way::call},
        {"gate_of_gp", "raise_gp", faults,
         {{field::exit_info_2, has_code.mask() | beyond_gdt,
           ways | TaskSwitch::error_code.mask()},
          being_delivered(svm::EventInformation::event(svm::EventType::exception, 13,
                                                       beyond_gdt))},
         Way::call, true}};
    // clang-format on
    for (const Made& made : all) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            std::vector<FieldExpectation> taken{
                {field::exit_info_1, tasks.incoming_selector, 0xffff}};
            taken.insert(taken.end(), made.taken.begin(), made.taken.end());
            constexpr auto rbx = static_cast<unsigned>(Register::rbx);
            Effect executed = switched(tasks, made.way, cpl, made.is_fault ? at_insn : at_after,
                                       made.is_fault ? beyond_gdt
                                                     : fresh_register(rbx) &
                                                           svm::low_bits(tasks.layout.slot * 8u));
            if (made.is_fault) {
                const std::uint32_t at = new_stack - tasks.layout.slot;
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
                       .setup = join(task(tasks), made.setup),
                       .taken_fields = taken,
                       .executed = executed,
                       .also_meets = {Intercept::iret, Intercept::int_n, Intercept::exception_gp}});
        }
    }
    // The RFLAGS that a fault would push have RF set.
    const auto resume_flag = [&](std::string_view variant, std::string_view program,
                                 const std::vector<Step>& setup,
                                 const std::vector<FieldExpectation>& taken, bool confirmed) {
        table.row({.subject = "task_switch",
                   .variant = variant,
                   .program = program,
                   .intercept = Intercept::task_switch,
                   .manual = manual,
                   .modes = tasks.modes,
                   .setup = join(task(tasks), setup),
                   .taken_fields = taken,
                   .also_meets = {Intercept::iret, Intercept::int_n, Intercept::exception_gp},
                   .runs_without_intercept = false,
                   .confirmed = confirmed});
    };
    const FieldExpectation selector{field::exit_info_1, tasks.incoming_selector, 0xffff};
    resume_flag(
        "gate_of_gp_resume_flag", "raise_gp", faults,
        {selector,
         {field::exit_info_2, TaskSwitch::resume_flag.mask(), TaskSwitch::resume_flag.mask()},
         {field::exit_int_info, {}, ~std::uint64_t{0}, Match::free}},
        false);
    resume_flag("far_jump_resume_flag", "jump_to_tss", {},
                {selector, {field::exit_info_2, 0, TaskSwitch::resume_flag.mask()}}, true);
}

/// A TSS that is not present, busy already, too short, or not the one to return to: what is wrong
/// with it comes before the exit (spec: TSW-NOTSS). APM2 12.3.
void bad_tasks(InstructionTable& table, const Tasks& tasks) {
    const std::uint8_t type = tasks.incoming_type;
    const std::uint16_t selector = tasks.incoming_selector;
    const Step nested = vmcb_set(field::rflags, svm::rflags::nt);
    const Step too_short = in_l2(selector, 2, tasks.layout.size - 2);
    struct Bad {
        std::string_view variant, program;
        std::vector<Step> setup;
        std::uint8_t vector;
        std::uint16_t error_code;
        std::uint64_t rflags = svm::rflags::always_one;
    };
    constexpr std::uint64_t with_nt = svm::rflags::always_one | svm::rflags::nt;
    // clang-format off
    for (const Bad& bad : std::vector<Bad>{
             {"absent", "jump_to_tss", {in_l2(selector + type_byte, 1, for_user | type)}, 11,
              selector},
             {"busy", "jump_to_tss",
              {in_l2(selector + type_byte, 1, present | for_user | type | type_busy)}, 13, selector},
             {"too_short", "jump_to_tss", {too_short}, 10, selector},
             {"too_short_call", "call_tss", {too_short}, 10, selector},
             {"iret_null_link", "iret", {nested, in_l2(tasks.outgoing, 2, 0)}, 10, 0, with_nt},
             {"iret_idle_link", "iret", {nested, in_l2(tasks.outgoing, 2, selector)}, 10, selector,
              with_nt}}) {
        table.row({.subject = "task_switch", .variant = bad.variant, .program = bad.program,
                   .intercept = Intercept::task_switch, .manual = "APM2 12.3, 15.14.1",
                   .modes = tasks.modes, .cpl3 = AtCpl3::same,
                   .setup = join(task(tasks), bad.setup),
                   .reach = Reach::exception_first,
                   .raises = Delivery{.vector = bad.vector, .error_code = bad.error_code,
                                      .rflags = bad.rflags}});
    }
    // clang-format on
}

/// Out of virtual-8086 mode, through gates.
void from_virtual_8086(InstructionTable& table) {
    Tasks tasks = legacy_tasks;
    tasks.modes = only_v86;
    const FieldExpectation selector{field::exit_info_1, tasks.incoming_selector, 0xffff};
    const auto row = [&](std::string_view variant, std::string_view program,
                         const std::vector<Step>& setup,
                         const std::vector<FieldExpectation>& taken) {
        table.row({.subject = "task_switch",
                   .variant = variant,
                   .program = program,
                   .intercept = Intercept::task_switch,
                   .manual = manual,
                   .modes = tasks.modes,
                   .cpl3 = AtCpl3::only,
                   .setup = join(task(tasks), setup),
                   .taken_fields = taken,
                   .also_meets = {Intercept::int_n, Intercept::exception_gp},
                   .runs_without_intercept = false});
    };
    row("gate_of_int_n", "int_40",
        join(task_gate(tasks, vector), {vmcb_set(field::rflags, svm::rflags::iopl)}),
        {selector, by_call(), by_int_n()});
    row("gate_of_gp", "read_through_ds",
        join(task_gate(tasks, 13), {l2_register(Register::rdi, 0x1'0000 - 3)}),
        {selector,
         {field::exit_info_2, has_code.mask(), ways | TaskSwitch::error_code.mask()},
         being_delivered(svm::EventInformation::event(svm::EventType::exception, 13, 0))});
}

void task_switch(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    for (const Tasks& tasks : {pae_tasks, legacy_tasks, small_tasks}) {
        switches(table, tasks);
        bad_tasks(table, tasks);
    }
    from_virtual_8086(table);
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
