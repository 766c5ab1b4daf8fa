// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/arenas.hpp"

#include <array>
#include <cstdint>
#include <cstring>

// l2/handlers.S and payload.lds
extern "C" const std::uint8_t l2_handlers[];
extern "C" const std::uint8_t l2_low_handlers[];
extern "C" const std::uint8_t l2_low_code[];
extern "C" std::uint8_t low_memory[];

namespace vmrunit::guest {

constinit ArenaCopies arena_copies[arena_count]{};

namespace {

/// A pointer where the runner reads an address of eight bytes.
using LinkAddress = std::array<const void*, sizeof(std::uint64_t) / sizeof(void*)>;

/// LayoutDescriptor as the compiler can write it.
struct alignas(8) Layout {
    LinkAddress arenas;
    std::uint32_t arena_size;
    std::uint32_t arena_stride;
    std::uint32_t arena_count;
    std::uint32_t handler_size;
    LinkAddress handlers;
    std::uint32_t l1_bits;
    std::uint32_t reserved;
    LinkAddress low_handlers;
    LinkAddress low_code;
    LinkAddress low_memory;
};
static_assert(sizeof(Layout) == sizeof(LayoutDescriptor));

[[gnu::used, gnu::section(".vmrunit.layout")]] constinit const Layout this_layout{
    .arenas = {&arena_copies[0].live},
    .arena_size = sizeof(Arena),
    .arena_stride = sizeof(ArenaCopies),
    .arena_count = arena_count,
    .handler_size = 8,
    .handlers = {l2_handlers},
    .l1_bits = sizeof(void*) * 8,
    .reserved = 0,
    .low_handlers = {l2_low_handlers},
    .low_code = {l2_low_code},
    .low_memory = {low_memory},
};

} // namespace

LayoutDescriptor layout() {
    LayoutDescriptor numbers;
    std::memcpy(&numbers, &this_layout, sizeof numbers);
    return numbers;
}

} // namespace vmrunit::guest
