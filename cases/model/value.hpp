// SPDX-License-Identifier: GPL-2.0-only
// Numbers in rows: literal, or an address that only the payload at hand can say.
#pragma once

#include "harness/arena.hpp"

#include <cstddef>
#include <cstdint>

namespace vmrunit::cases {

/// What a value counts from.
enum class Anchor : std::uint8_t {
    zero,    ///< The number itself.
    start,   ///< First byte of the case's L2 program.
    insn,    ///< The instruction under test.
    after,   ///< The byte behind it.
    marker,  ///< The VMMCALL that ends the program.
    handler, ///< The handler of vector `part`.
    region,  ///< First byte of the Region `part` of the arena.
};

struct Value {
    Anchor anchor = Anchor::zero;
    std::uint8_t part = 0;
    std::uint64_t number = 0; ///< Added to the anchor's address.

    constexpr Value() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a literal is a value.
    constexpr Value(std::uint64_t literal) : number(literal) {}
    constexpr Value(Anchor from, std::uint8_t which, std::uint64_t offset)
        : anchor(from), part(which), number(offset) {}
    constexpr bool operator==(const Value&) const = default;
};

inline constexpr Value at_start{Anchor::start, 0, 0};
inline constexpr Value at_insn{Anchor::insn, 0, 0};
inline constexpr Value at_after{Anchor::after, 0, 0};
inline constexpr Value at_marker{Anchor::marker, 0, 0};

[[nodiscard]] constexpr Value at_handler(std::uint8_t vector) {
    return {Anchor::handler, vector, 0};
}
[[nodiscard]] constexpr Value in_region(Region region, std::uint64_t offset = 0) {
    return {Anchor::region, static_cast<std::uint8_t>(region), offset};
}
/// The address of a byte of L2's memory.
[[nodiscard]] constexpr Value in_memory(std::size_t offset) {
    return in_region(Region::l2_memory, offset);
}
inline constexpr Value l2_data = in_memory(offsetof(L2Memory, data));

/// Offsets in Region::l2_memory: L2's data, and where its stack begins (growing down).
inline constexpr std::uint32_t l2_data_offset = offsetof(L2Memory, data);
inline constexpr std::uint32_t l2_stack_end = offsetof(L2Memory, stack) + sizeof(L2Memory::stack);

} // namespace vmrunit::cases
