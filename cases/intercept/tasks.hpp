// SPDX-License-Identifier: GPL-2.0-only
// Two tasks of L2: the one that runs, and one whose TSS is available, with the ways that lead to
// it. There are tasks outside long mode only. APM2 12.2.4, 12.3.
#pragma once

#include "cases/model/instruction_table.hpp"

#include "harness/arena.hpp"
#include "harness/world.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmrunit::cases {

/// Offsets in a TSS; slots of general and segment registers are in the order of their encoding, and
/// two bytes of each segment's count. APM2 12.2.4, which has the 32-bit one; of the 16-bit one AMD
/// has the types of its descriptor (4.8.3), and the layout is the 80286's.
struct TssLayout {
    std::uint32_t size, ip, flags, registers, segments;
    std::uint8_t slot; ///< Bytes.
    std::uint32_t segment_count;
};
inline constexpr TssLayout tss32_layout{0x68, 0x20, 0x24, 0x28, 0x48, 4, 6};
inline constexpr TssLayout tss16_layout{0x2c, 0x0e, 0x10, 0x12, 0x22, 2, 4};
inline constexpr std::uint32_t tss32_cr3 = 0x1c;
inline constexpr std::uint32_t tss32_io_map_base = 0x66;
inline constexpr unsigned cs_number = 1; ///< As segments are encoded: ES, CS, SS, DS, FS, GS.

/// Both tasks of a mode.
struct Tasks {
    Modes modes;
    TssLayout layout;
    Region root; ///< Page tables; a 16-bit TSS has no CR3.
    Region idt;
    std::uint32_t outgoing; ///< Where TR says, in L2's memory.
    std::uint16_t outgoing_selector, incoming_selector;
    std::uint8_t incoming_type; ///< Available.
    std::uint16_t code, data;   ///< Of ring 0.
    std::uint16_t user_code, user_data;
};
// clang-format off
inline constexpr Tasks pae_tasks{
    {false, false, true, false}, tss32_layout, Region::pae_pdpt, Region::legacy_idt,
    offsetof(L2Memory, tss32), l2_selector::tss32, l2_selector::idle_tss32, 0x9,
    l2_selector::code32, l2_selector::data, l2_selector::user_code32, l2_selector::user_data};
inline constexpr Tasks legacy_tasks{
    {false, false, false, true}, tss32_layout, Region::legacy_pd, Region::legacy_idt,
    offsetof(L2Memory, tss32), l2_selector::tss32, l2_selector::idle_tss32, 0x9,
    l2_selector::code32, l2_selector::data, l2_selector::user_code32, l2_selector::user_data};
inline constexpr Tasks small_tasks{
    only_prot16, tss16_layout, Region::legacy_pd, Region::idt16,
    offsetof(L2Memory, tss16), l2_selector::tss16, l2_selector::idle_tss16, 0x1,
    l2_selector::code16, l2_selector::data16, l2_selector::user_code16, l2_selector::user_data16};
// clang-format on

/// The incoming TSS lies in L2's data.
inline constexpr std::uint32_t incoming_tss = l2_data_offset + 0x80;
inline constexpr std::uint32_t incoming_stack = l2_stack_end - 0x40;
inline constexpr std::uint32_t outgoing_rax = 0x1357'9bdf;

/// Byte of a descriptor, or of a gate, and bits in it.
namespace descriptor {
inline constexpr std::uint32_t type_byte = 5;
inline constexpr std::uint8_t busy = 2;
inline constexpr std::uint8_t for_user = 0x60; ///< DPL 3: the incoming task is CPL 3's to call.
inline constexpr std::uint8_t present = 0x80;
} // namespace descriptor

/// Those of a mode outside long and real mode; of virtual-8086 mode those of its monitor.
[[nodiscard]] const Tasks& tasks_of(L2Mode mode);

[[nodiscard]] Write in_l2_memory(std::uint32_t offset, std::uint8_t size, Value value);

/// Fills the incoming TSS; that task goes on at the marker, in ring 0.
[[nodiscard]] std::vector<Step> incoming_task(const Tasks& tasks);

/// The gate of a vector leads to the incoming TSS: present, DPL 3, type 5.
[[nodiscard]] std::vector<Step> task_gate(const Tasks& tasks, std::uint8_t vector);

/// The same in a free entry of the GDT, where jump_to_task_gate and call_task_gate go.
inline constexpr std::uint16_t task_gate_selector = 0x90;
[[nodiscard]] Step task_gate_in_gdt(const Tasks& tasks);

/// How the incoming task comes to run. APM2 12.3.3.
enum class TaskWay : std::uint8_t { jump, call, ret };

/// L2 runs the incoming task, in ring 0; the outgoing TSS holds what it left at that CPL.
[[nodiscard]] Effect task_switched(const Tasks& tasks, TaskWay way, std::uint8_t cpl,
                                   Value saved_ip, Value saved_rbx);

} // namespace vmrunit::cases
