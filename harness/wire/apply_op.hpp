// SPDX-License-Identifier: GPL-2.0-only
// What the ops that write memory mean. Payload and runner share it: the payload to set a case up,
// the runner to know what the VMCB, the registers and the memory held before the VMRUN.
#pragma once

#include "harness/wire/plan.hpp"

#include <cstdint>

namespace vmrunit::wire {

[[nodiscard]] constexpr bool writes_memory(Op::Code code) {
    return code == Op::Code::write || code == Op::Code::set_bits || code == Op::Code::clear_bits ||
           code == Op::Code::fill;
}

/// Does the op stay inside its region? `fill` may cover a whole region, the others one word.
[[nodiscard]] constexpr bool stays_inside(const Op& op) {
    if (op.region >= region_count) {
        return false;
    }
    const std::uint64_t size = region_places[op.region].size;
    const std::uint64_t length =
        op.code == Op::Code::fill ? (op.value & 0xffff'ffff) : std::uint64_t{op.size};
    const bool sized =
        op.code == Op::Code::fill || op.size == 1 || op.size == 2 || op.size == 4 || op.size == 8;
    return sized && op.offset <= size && length <= size - op.offset;
}

/// Carries out a memory op. `base` is the first byte of the op's region; the op stays inside it.
constexpr void apply_op(const Op& op, std::uint8_t* base) {
    std::uint8_t* const at = base + op.offset;
    if (op.code == Op::Code::fill) {
        const auto length = static_cast<std::uint32_t>(op.value);
        for (std::uint32_t i = 0; i < length; ++i) {
            at[i] = op.size;
        }
        return;
    }
    for (unsigned i = 0; i < op.size; ++i) {
        const auto byte = static_cast<std::uint8_t>(op.value >> (8 * i));
        switch (op.code) {
        case Op::Code::set_bits:
            at[i] = static_cast<std::uint8_t>(at[i] | byte);
            break;
        case Op::Code::clear_bits:
            at[i] = static_cast<std::uint8_t>(at[i] & ~byte);
            break;
        default:
            at[i] = byte;
        }
    }
}

} // namespace vmrunit::wire
