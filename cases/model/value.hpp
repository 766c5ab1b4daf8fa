// SPDX-License-Identifier: GPL-2.0-only
// Numbers in rows: literal, or an address that only the payload at hand can say.
#pragma once

#include "harness/arena.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <cstddef>
#include <cstdint>

namespace vmrunit::cases {

/// What a value counts from.
enum class Anchor : std::uint8_t {
    zero,                  ///< The number itself.
    start,                 ///< First byte of the case's L2 program.
    insn,                  ///< The instruction under test.
    after,                 ///< The byte behind it.
    marker,                ///< The VMMCALL that ends the program.
    handler,               ///< The handler of vector `part`.
    region,                ///< First byte of the Region `part` of the arena.
    code_offset,           ///< 0 less the base of CS: `number` is a linear address.
    low_handlers,          ///< What CS.base is in a handler of 16-bit code, ...
    low_handlers_selector, ///< ...and CS in real mode.
    fresh, ///< What the VMCB field at `part`, of `size` bytes, holds when L2 begins in its mode.
};

/// ((anchor + number) & ~cleared) | set. Code addresses are what RIP holds: they count from the
/// base that CS has in the mode at hand.
struct Value {
    Anchor anchor = Anchor::zero;
    std::uint8_t size = 0;
    std::uint16_t part = 0;
    std::uint64_t number = 0;
    std::uint64_t cleared = 0;
    std::uint64_t set = 0;

    constexpr Value() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a literal is a value.
    constexpr Value(std::uint64_t literal) : number(literal) {}
    constexpr Value(Anchor from, std::uint16_t which, std::uint64_t offset)
        : anchor(from), part(which), number(offset) {}
    constexpr bool operator==(const Value&) const = default;

    friend constexpr Value operator|(Value value, std::uint64_t bits) {
        value.cleared &= ~bits;
        value.set |= bits;
        return value;
    }
    friend constexpr Value operator&(Value value, std::uint64_t mask) {
        value.cleared |= ~mask;
        value.set &= mask;
        return value;
    }
};

inline constexpr Value at_start{Anchor::start, 0, 0};
inline constexpr Value at_insn{Anchor::insn, 0, 0};
inline constexpr Value at_after{Anchor::after, 0, 0};
inline constexpr Value at_marker{Anchor::marker, 0, 0};

inline constexpr Value low_handlers{Anchor::low_handlers, 0, 0};
inline constexpr Value low_handlers_selector{Anchor::low_handlers_selector, 0, 0};

/// The field of the VMCB as L2 begins, before the case's own writes: what depends on L2's mode.
[[nodiscard]] constexpr Value fresh(svm::FieldRef field) {
    Value value{Anchor::fresh, field.offset, 0};
    value.size = static_cast<std::uint8_t>(field.size_bytes);
    return value;
}
/// What RIP is at a linear address.
[[nodiscard]] constexpr Value code_offset(std::uint64_t linear_address) {
    return {Anchor::code_offset, 0, linear_address};
}
/// The linear address of a code address.
[[nodiscard]] constexpr Value linear(Value code) {
    code.part = 1;
    return code;
}

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
