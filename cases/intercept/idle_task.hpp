// SPDX-License-Identifier: GPL-2.0-only
// A task beside the one that runs: its TSS, which is available, and gates that lead to it. There
// are tasks outside long mode only. APM2 12.2.4, 12.3.
#pragma once

#include "cases/model/case.hpp"

#include "harness/arena.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmrunit::cases {

/// Offsets in a 32-bit TSS, APM2 12.2.4.
namespace tss {
inline constexpr std::uint32_t size = 0x68;
inline constexpr std::uint32_t cr3 = 0x1c;
inline constexpr std::uint32_t eip = 0x20;
inline constexpr std::uint32_t eflags = 0x24;
inline constexpr std::uint32_t registers = 0x28; ///< In the order of their encoding.
inline constexpr std::uint32_t esp = 0x38;
inline constexpr std::uint32_t es = 0x48;
inline constexpr std::uint32_t cs = 0x4c;
inline constexpr std::array data_segments{es, 0x50u, 0x54u, 0x58u, 0x5cu};
inline constexpr std::uint32_t io_map_base = 0x66;
} // namespace tss

inline constexpr std::uint32_t type_byte = 5; ///< Of a descriptor, and of a gate.

/// The outgoing TSS lies where TR says.
inline constexpr std::uint32_t outgoing_tss = offsetof(L2Memory, tss32);
inline constexpr std::uint32_t idle_task_stack = l2_stack_end - 0x40;

/// What the task has in a general register.
constexpr std::uint64_t idle_task_value(unsigned number) {
    return 0x7000'0000 + number;
}

[[nodiscard]] Write in_l2_memory(std::uint32_t offset, std::uint8_t size, Value value);

/// Fills the idle TSS; the task goes on at the marker, with these page tables.
[[nodiscard]] std::vector<Step> idle_task(Region root);
/// The gate of a vector leads to it. Gate: 32-bit, present, DPL 3, type 5.
[[nodiscard]] std::vector<Step> task_gate(std::uint8_t vector);

} // namespace vmrunit::cases
