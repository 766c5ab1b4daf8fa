// SPDX-License-Identifier: GPL-2.0-only
#include "cases/intercept/idle_task.hpp"

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

namespace vmrunit::cases {

namespace {

/// The incoming TSS lies in L2's data.
constexpr std::uint32_t incoming = l2_data_offset + 0x80;

} // namespace

Write in_l2_memory(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::l2_memory, offset, size, value};
}

std::vector<Step> idle_task(Region root) {
    // All of L2's memory is one page, so only the low half of the address differs.
    std::vector<Step> steps{
        in_l2_memory(l2_selector::idle_tss32 + 2, 2, in_memory(incoming)),
        Write{wire::Op::Code::fill, Region::l2_memory, incoming, 0, tss::size},
        in_l2_memory(incoming + tss::cr3, 4, in_region(root)),
        in_l2_memory(incoming + tss::eip, 4, at_marker),
        in_l2_memory(incoming + tss::eflags, 4, svm::rflags::always_one),
        in_l2_memory(incoming + tss::cs, 2, l2_selector::code32),
        in_l2_memory(incoming + tss::io_map_base, 2, tss::size),
        l2_register(Register::rax, 0x1357'9bdf),
    };
    for (unsigned i = 0; i < 8; ++i) {
        steps.emplace_back(in_l2_memory(incoming + tss::registers + 4 * i, 4, idle_task_value(i)));
    }
    steps.emplace_back(in_l2_memory(incoming + tss::esp, 4, in_memory(idle_task_stack)));
    for (const std::uint32_t segment : tss::data_segments) {
        steps.emplace_back(in_l2_memory(incoming + segment, 2, l2_selector::data));
    }
    return steps;
}

std::vector<Step> task_gate(std::uint8_t vector) {
    std::vector<Step> steps;
    for (const Region idt : {Region::legacy_idt, Region::idt16}) {
        const std::uint32_t gate = vector * 8u;
        steps.emplace_back(Write{wire::Op::Code::write, idt, gate + 2, 2, l2_selector::idle_tss32});
        steps.emplace_back(Write{wire::Op::Code::write, idt, gate + type_byte, 1, 0xe5});
    }
    return steps;
}

} // namespace vmrunit::cases
