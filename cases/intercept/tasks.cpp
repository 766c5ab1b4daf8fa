// SPDX-License-Identifier: GPL-2.0-only
#include "cases/intercept/tasks.hpp"

#include "harness/svm/bits.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"

#include <utility>

namespace vmrunit::cases {

namespace {

namespace field = svm::field;

/// Type 5. APM2 12.2.6.
constexpr std::uint8_t usable_task_gate = descriptor::present | descriptor::for_user | 5;

constexpr std::uint64_t new_value(unsigned number) {
    return 0x7000'0000 + 0x1111 * number;
}

} // namespace

const Tasks& tasks_of(L2Mode mode) {
    return mode == L2Mode::pae ? pae_tasks : mode == L2Mode::prot16 ? small_tasks : legacy_tasks;
}

Write in_l2_memory(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::l2_memory, offset, size, value};
}

std::vector<Step> incoming_task(const Tasks& tasks) {
    const TssLayout& tss = tasks.layout;
    // The code segment of a 32-bit task begins at 0, whatever mode L2 comes from.
    const Value ip = tss.slot == 4 ? linear(at_marker) : at_marker;
    // All of L2's memory is one page, so only the low half of the address differs.
    std::vector<Step> steps{
        in_l2_memory(tasks.incoming_selector + 2, 2, in_memory(incoming_tss)),
        in_l2_memory(tasks.incoming_selector + descriptor::type_byte, 1,
                     descriptor::present | descriptor::for_user | tasks.incoming_type),
        Write{wire::Op::Code::fill, Region::l2_memory, incoming_tss, 0, tss.size},
        in_l2_memory(incoming_tss + tss.ip, tss.slot, ip),
        in_l2_memory(incoming_tss + tss.flags, tss.slot, svm::rflags::always_one),
        l2_register(Register::rax, outgoing_rax),
    };
    if (tss.slot == 4) {
        steps.emplace_back(in_l2_memory(incoming_tss + tss32_cr3, 4, in_region(tasks.root)));
        steps.emplace_back(in_l2_memory(incoming_tss + tss32_io_map_base, 2, tss.size));
    }
    for (unsigned i = 0; i < 8; ++i) {
        const bool is_stack = i == static_cast<unsigned>(Register::rsp);
        steps.emplace_back(
            in_l2_memory(incoming_tss + tss.registers + tss.slot * i, tss.slot,
                         is_stack ? in_memory(incoming_stack) : Value{new_value(i)}));
    }
    for (unsigned i = 0; i < tss.segment_count; ++i) {
        steps.emplace_back(in_l2_memory(incoming_tss + tss.segments + tss.slot * i, 2,
                                        i == cs_number ? tasks.code : tasks.data));
    }
    return steps;
}

/// L2 runs the incoming task, in ring 0; the outgoing TSS holds what it left.
Effect task_switched(const Tasks& tasks, TaskWay way, std::uint8_t cpl, Value saved_ip,
                     Value saved_rbx) {
    const TssLayout& tss = tasks.layout;
    const std::uint64_t mask = svm::low_bits(tss.slot * 8u);
    Effect effect{.fields = {{field::cr0, svm::cr0::ts, svm::cr0::ts}}};
    const auto memory = [&](std::uint32_t offset, std::uint8_t size, Value value,
                            Match match = Match::equals) {
        effect.memory.push_back({Region::l2_memory, offset, size, value, ~std::uint64_t{0}, match});
    };
    // What a 16-bit TSS puts into the upper halves is not said.
    const std::uint64_t loaded = tss.slot == 4 ? ~std::uint64_t{0} : mask;
    for (const auto& [place, value] : {std::pair{field::rax, Value{new_value(0)}},
                                       std::pair{field::rsp, in_memory(incoming_stack)}}) {
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
    memory(tasks.outgoing + tss.registers, tss.slot, outgoing_rax & mask);
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
    if (way != TaskWay::call) {
        memory(tasks.outgoing_selector + descriptor::type_byte, 1, descriptor::present | type);
    } else {
        memory(incoming_tss, 2, tasks.outgoing_selector);
        effect.fields.push_back({field::rflags, svm::rflags::always_one | svm::rflags::nt});
    }
    if (way != TaskWay::ret) {
        memory(tasks.incoming_selector + descriptor::type_byte, 1,
               descriptor::present | descriptor::for_user | type | descriptor::busy);
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

std::vector<Step> task_gate(const Tasks& tasks, std::uint8_t vector) {
    const std::uint32_t gate = vector * 8u;
    return {
        Write{wire::Op::Code::write, tasks.idt, gate + 2, 2, tasks.incoming_selector},
        Write{wire::Op::Code::write, tasks.idt, gate + descriptor::type_byte, 1, usable_task_gate}};
}

Step task_gate_in_gdt(const Tasks& tasks) {
    return in_l2_memory(task_gate_selector, 8,
                        std::uint64_t{tasks.incoming_selector} << 16 |
                            std::uint64_t{usable_task_gate} << (8 * descriptor::type_byte));
}

} // namespace vmrunit::cases
