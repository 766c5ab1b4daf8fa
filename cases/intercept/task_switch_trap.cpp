// SPDX-License-Identifier: GPL-2.0-only
// A task whose TSS has the T bit: #DB comes behind the switch, before the task's first instruction,
// with DR6.BT set. The task begins with registers of zero. APM2 12.2.4, 12.3, 13.1.1.3, 15.12.2;
// the switch itself is in task_switch.cpp.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"

#include <cstddef>

namespace vmrunit::cases {
namespace {

namespace dr6 = svm::dr6;
namespace field = svm::field;
using svm::Intercept;

/// The incoming TSS lies in L2's data, the outgoing one where TR says.
constexpr std::uint32_t incoming = l2_data_offset + 0x80;
constexpr std::uint32_t outgoing = offsetof(L2Memory, tss32);
constexpr std::uint32_t new_stack = l2_stack_end - 0x40;

/// Offsets in a 32-bit TSS.
namespace tss {
constexpr std::uint32_t size = 0x68;
constexpr std::uint32_t cr3 = 0x1c;
constexpr std::uint32_t eip = 0x20;
constexpr std::uint32_t eflags = 0x24;
constexpr std::uint32_t registers = 0x28; ///< In the order of their encoding.
constexpr std::uint32_t es = 0x48;        ///< Then CS, SS, DS, FS, GS, four bytes apart.
constexpr std::uint32_t gs = 0x5c;
constexpr std::uint32_t trap = 0x64;
constexpr std::uint32_t io_map_base = 0x66;
} // namespace tss

constexpr std::uint32_t type_byte = 5; ///< Of a descriptor.

Write in_l2(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::l2_memory, offset, size, value};
}

std::uint16_t selector_at(std::uint32_t segment) {
    return segment == tss::es + 4 ? l2_selector::code32 : l2_selector::data;
}

std::vector<Step> task(Region root, bool traps) {
    constexpr auto esp = static_cast<unsigned>(Register::rsp);
    std::vector<Step> steps{
        in_l2(l2_selector::idle_tss32 + 2, 2, in_memory(incoming)),
        Write{wire::Op::Code::fill, Region::l2_memory, incoming, 0, tss::size},
        in_l2(incoming + tss::cr3, 4, in_region(root)),
        in_l2(incoming + tss::eip, 4, at_marker),
        in_l2(incoming + tss::eflags, 4, svm::rflags::always_one),
        in_l2(incoming + tss::registers + 4 * esp, 4, in_memory(new_stack)),
        in_l2(incoming + tss::trap, 2, traps ? 1 : 0),
        in_l2(incoming + tss::io_map_base, 2, tss::size),
        l2_register(Register::rax, 0x1357'9bdf),
    };
    for (std::uint32_t segment = tss::es; segment <= tss::gs; segment += 4) {
        steps.emplace_back(in_l2(incoming + segment, 2, selector_at(segment)));
    }
    return steps;
}

/// All but RSP, which the delivery of #DB changes once more.
Effect switched() {
    Effect effect{.fields = {{field::rax, 0}, {field::cr0, svm::cr0::ts, svm::cr0::ts}}};
    const auto memory = [&](std::uint32_t offset, std::uint8_t size, Value value) {
        effect.memory.push_back({Region::l2_memory, offset, size, value});
    };
    for (unsigned i = 0; i < 8; ++i) {
        const auto reg = static_cast<Register>(i);
        if (reg != Register::rax && reg != Register::rsp) {
            effect.registers.push_back({reg, 0});
            memory(outgoing + tss::registers + 4 * i, 4, fresh_register(i) & 0xffff'ffff);
        }
    }
    memory(outgoing + tss::registers, 4, 0x1357'9bdf);
    memory(outgoing + tss::registers + 4 * static_cast<unsigned>(Register::rsp), 4,
           in_memory(l2_stack_end));
    memory(outgoing + tss::eip, 4, at_after);
    memory(outgoing + tss::eflags, 4, svm::rflags::always_one);
    for (std::uint32_t segment = tss::es; segment <= tss::gs; segment += 4) {
        memory(outgoing + segment, 2, selector_at(segment));
        effect.memory.push_back({Region::l2_memory,
                                 outgoing + segment + 2,
                                 2,
                                 {},
                                 ~std::uint64_t{0},
                                 Match::free}); // Reserved.
    }
    memory(l2_selector::tss32 + type_byte, 1,
           svm::system_attributes(svm::segment_type::tss_available).value);
    memory(l2_selector::idle_tss32 + type_byte, 1,
           svm::system_attributes(svm::segment_type::tss_busy).value);
    return effect;
}

void task_switch_trap(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    struct Mode {
        Modes modes;
        Region root;
    };
    for (const Mode& mode : {Mode{{false, false, true, false}, Region::pae_pdpt},
                             Mode{{false, false, false, true}, Region::legacy_pd}}) {
        InstructionRow row{.subject = "exception_db",
                           .variant = "task_switch",
                           .program = "jump_to_tss",
                           .intercept = Intercept::exception_db,
                           .manual = "APM2 13.1.1.3, 15.12.2",
                           .modes = mode.modes,
                           .setup = task(mode.root, true),
                           .prologue = switched(),
                           .taken_rip = at_marker,
                           .taken_fields = {{field::rsp, in_memory(new_stack)}},
                           .raises =
                               Delivery{.vector = 1,
                                        .return_rip = at_marker,
                                        .rsp_adjust = std::uint64_t{new_stack} - l2_stack_end},
                           .also_meets = {Intercept::task_switch}};
        row.prologue.fields.push_back({field::dr6, dr6::reset | dr6::bt});
        table.row(row);
        // No T bit, no #DB.
        row.variant = "task_switch_without_trap";
        row.setup = task(mode.root, false);
        row.prologue = switched();
        row.executed = {.fields = {{field::rsp, in_memory(new_stack)}}};
        row.raises.reset();
        row.reach = Reach::not_covered;
        table.row(row);
    }
}

const Registration registration{task_switch_trap};

} // namespace
} // namespace vmrunit::cases
