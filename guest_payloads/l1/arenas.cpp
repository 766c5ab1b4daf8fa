// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/arenas.hpp"

#include <bit>
#include <cstdint>

// l2/handlers.S and payload.lds
extern "C" const std::uint8_t l2_handlers[];
extern "C" const std::uint8_t l2_low_handlers[];
extern "C" const std::uint8_t l2_low_code[];
extern "C" std::uint8_t low_memory[];

namespace vmrunit::guest {

constinit ArenaCopies arena_copies[arena_count]{};

namespace {

/// LayoutDescriptor as the compiler can write it: pointers where the runner reads addresses.
struct Layout {
    const void* arenas;
    std::uint32_t arena_size;
    std::uint32_t arena_stride;
    std::uint32_t arena_count;
    std::uint32_t handler_size;
    const void* handlers;
    std::uint32_t l1_bits;
    std::uint32_t reserved;
    const void* low_handlers;
    const void* low_code;
    const void* low_memory;
};
static_assert(sizeof(Layout) == sizeof(LayoutDescriptor));

[[gnu::used, gnu::section(".vmrunit.layout")]] constinit const Layout this_layout{
    &arena_copies[0].live, sizeof(Arena), sizeof(ArenaCopies), arena_count, 8, l2_handlers, 64, 0,
    l2_low_handlers,       l2_low_code,   low_memory};

} // namespace

LayoutDescriptor layout() {
    return std::bit_cast<LayoutDescriptor>(this_layout);
}

} // namespace vmrunit::guest
