// SPDX-License-Identifier: GPL-2.0-only
// The world an L2 begins in: descriptor tables, page tables, nested page tables, IDTs, TSSs.
//
// One arena serves all modes, so nothing is rebuilt when the mode changes. Payload and runner build
// it by this same function: the payload to run in it, the runner to know what was there before a
// VMRUN.
#pragma once

#include "harness/arena.hpp"
#include "harness/l2_mode.hpp"
#include "harness/program.hpp"
#include "harness/svm/segment.hpp"

#include <cstdint>

namespace vmrunit {

namespace world {

inline constexpr std::uint64_t present = 1;
inline constexpr std::uint64_t writable = 2;
inline constexpr std::uint64_t user = 4;
inline constexpr std::uint64_t accessed = 0x20;
inline constexpr std::uint64_t dirty = 0x40;
inline constexpr std::uint64_t large = 0x80;
/// A and D are set from the start, so that a walk changes nothing; rows about A and D clear them.
inline constexpr std::uint64_t table_bits = present | writable | user | accessed;
inline constexpr std::uint64_t leaf_bits = table_bits | dirty | large;

/// Supervisor-only aliases of the first 4 GiB begin here in L2's long mode address space.
inline constexpr std::uint64_t supervisor_alias = 0x1'0000'0000;
/// Nothing is mapped from here on (up to 512 GiB) in L2's long mode address space.
inline constexpr std::uint64_t unmapped = 0x20'0000'0000;

inline constexpr std::uint32_t flat_limit = 0xffff'ffff;
inline constexpr std::uint32_t tss_limit = 0x67;
inline constexpr std::uint32_t limit16 = 0xffff;
inline constexpr std::uint32_t tss16_limit = 0x2b;

constexpr void put(std::uint8_t* at, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
        at[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

[[nodiscard]] constexpr svm::SegmentAttributes absent(svm::SegmentAttributes attributes) {
    attributes.clear(svm::SegmentAttributes::present);
    return attributes;
}

constexpr void build_gdt(L2Memory& memory, std::uint64_t memory_address, const ArenaPlace& place) {
    using namespace l2_selector;
    const auto set = [&](std::uint16_t selector, std::uint64_t base, std::uint32_t limit,
                         svm::SegmentAttributes attributes) {
        memory.gdt[selector / 8] = svm::descriptor_of_segment({selector, attributes, limit, base});
    };
    const std::uint64_t tss64_base = memory_address + offsetof(L2Memory, tss64);
    const std::uint64_t tss32_base = memory_address + offsetof(L2Memory, tss32);
    const std::uint64_t tss16_base = memory_address + offsetof(L2Memory, tss16);
    const svm::SegmentAttributes busy = svm::system_attributes(svm::segment_type::tss_busy);
    const svm::SegmentAttributes idle = svm::system_attributes(svm::segment_type::tss_available);
    // Every base is below 4 GiB, so the second half of a 16-byte descriptor stays zero.
    // clang-format off
    set(code64,             0,          flat_limit, svm::code64_attributes());
    set(data,               0,          flat_limit, svm::data32_attributes());
    set(code32,             0,          flat_limit, svm::code32_attributes());
    set(user_code32,        0,          flat_limit, svm::code32_attributes(3));
    set(user_data,          0,          flat_limit, svm::data32_attributes(3));
    set(user_code64,        0,          flat_limit, svm::code64_attributes(3));
    set(l2_selector::tss64, tss64_base, tss_limit,  busy);
    set(l2_selector::tss32, tss32_base, tss_limit,  busy);
    set(ldt, memory_address + offsetof(L2Memory, gdt), sizeof(memory.gdt) - 1,
        svm::system_attributes(svm::segment_type::ldt));
    set(idle_tss64,         tss64_base, tss_limit,  idle);
    set(idle_tss32,         tss32_base, tss_limit,  idle);
    set(absent_data,        0,          flat_limit, absent(svm::data32_attributes()));
    set(limited_data, memory_address + offsetof(L2Memory, data), 0xf, svm::data16_attributes());
    set(absent_code,        0,          flat_limit, absent(svm::code32_attributes()));
    set(code16,             place.low_code,     limit16, svm::code16_attributes());
    set(data16,             0,                  limit16, svm::data16_attributes());
    set(user_code16,        place.low_code,     limit16, svm::code16_attributes(3));
    set(user_data16,        0,                  limit16, svm::data16_attributes(3));
    set(handler_code16,     place.low_handlers, limit16, svm::code16_attributes());
    set(l2_selector::tss16, tss16_base, tss16_limit,
        svm::system_attributes(svm::segment_type::tss_16_busy));
    set(idle_tss16,         tss16_base, tss16_limit,
        svm::system_attributes(svm::segment_type::tss_16_available));
    // clang-format on
}

constexpr void build_l2_memory(L2Memory& memory, std::uint64_t memory_address,
                               const ArenaPlace& place) {
    build_gdt(memory, memory_address, place);
    const std::uint64_t kernel_stack_end =
        memory_address + offsetof(L2Memory, kernel_stack) + sizeof(L2Memory::kernel_stack);
    put(memory.tss64 + 4, kernel_stack_end, 8); // RSP0
    put(memory.tss64 + 0x66, tss_limit + 1, 2); // No I/O bitmap: every port is closed at CPL 3.
    put(memory.tss32 + 4, kernel_stack_end, 4); // ESP0
    put(memory.tss32 + 8, l2_selector::data, 2);
    put(memory.tss32 + 0x66, tss_limit + 1, 2);
    put(memory.tss16 + 2, kernel_stack_end, 2); // SP0
    put(memory.tss16 + 4, l2_selector::data16, 2);
    for (unsigned i = 0; i < sizeof(memory.data); ++i) {
        memory.data[i] = static_cast<std::uint8_t>(0xd0 + i);
    }
}

/// Interrupt gates for all vectors; the handlers of vectors 3, 4 and from 32 on may be called from
/// CPL 3.
constexpr void build_idts(Arena& arena, const LayoutDescriptor& layout) {
    for (unsigned vector = 0; vector < 256; ++vector) {
        const std::uint64_t handler = layout.handlers + vector * layout.handler_size;
        const bool open = vector == 3 || vector == 4 || vector >= 32;
        const std::uint64_t low = (handler & 0xffff) | (std::uint64_t{open ? 0xeeu : 0x8eu} << 40) |
                                  ((handler >> 16 & 0xffff) << 48);
        put(arena.idt.bytes + vector * 16, low | std::uint64_t{l2_selector::code64} << 16, 8);
        put(arena.idt.bytes + vector * 16 + 8, handler >> 32, 8);
        put(arena.legacy_idt.bytes + vector * 8, low | std::uint64_t{l2_selector::code32} << 16, 8);
        // The offset in a segment that begins with the handlers; 6 is the type of a 16-bit gate.
        const std::uint64_t offset = std::uint64_t{vector} * layout.handler_size;
        put(arena.idt16.bytes + vector * 8,
            offset | std::uint64_t{l2_selector::handler_code16} << 16 |
                std::uint64_t{open ? 0xe6u : 0x86u} << 40,
            8);
        put(arena.ivt.bytes + vector * 4, offset | layout.low_handlers / 16 << 16, 4);
    }
}

/// A stack that holds nothing shows no push of a zero, as the selectors of 16-bit modes mostly are.
constexpr void fill_stacks(L2Memory& memory) {
    for (std::uint8_t& byte : memory.stack) {
        byte = 0xa5;
    }
    for (std::uint8_t& byte : memory.kernel_stack) {
        byte = 0xa5;
    }
}

/// Identity maps of the first 4 GiB, plus the aliases that long mode programs fault on.
constexpr void build_page_tables(Arena& arena, std::uint64_t address) {
    const auto at = [address](std::size_t offset) { return address + offset; };
    arena.pml4.entries[0] = at(offsetof(Arena, pdpt)) | table_bits;
    arena.nested_pml4.entries[0] = at(offsetof(Arena, nested_pdpt)) | table_bits;
    for (unsigned i = 0; i < 4; ++i) {
        const std::uint64_t pd = at(offsetof(Arena, pd)) + i * page_size;
        arena.pdpt.entries[i] = pd | table_bits;
        arena.pdpt.entries[4 + i] = pd | (table_bits & ~user);
        arena.pae_pdpt.entries[i] = pd | present; // PAE: all other bits of a PDPTE are reserved.
        arena.nested_pae_pdpt.entries[i] =
            (at(offsetof(Arena, nested_pd)) + i * page_size) | present;
        arena.nested_pdpt.entries[i] =
            (at(offsetof(Arena, nested_pd)) + i * page_size) | table_bits;
        for (unsigned j = 0; j < 512; ++j) {
            const std::uint64_t leaf = ((std::uint64_t{i} * 512 + j) << 21) | leaf_bits;
            arena.pd[i].entries[j] = leaf;
            arena.nested_pd[i].entries[j] = leaf;
        }
    }
    for (unsigned i = 0; i < 512; ++i) {
        const std::uint64_t first = (std::uint64_t{2 * i} << 22) | leaf_bits;
        const std::uint64_t second = (std::uint64_t{2 * i + 1} << 22) | leaf_bits;
        arena.legacy_pd.entries[i] = first | (second << 32);
        arena.nested_legacy_pd.entries[i] = first | (second << 32);
        const std::uint64_t small_bits = table_bits | dirty;
        const std::uint64_t first_page = (std::uint64_t{2 * i} << 12) | small_bits;
        const std::uint64_t second_page = (std::uint64_t{2 * i + 1} << 12) | small_bits;
        arena.legacy_pt.entries[i] = first_page | (second_page << 32);
    }
}

} // namespace world

/// Fills the zeroed arena of a CPU. VMCBs stay zero.
constexpr void build_arena(Arena& arena, const ArenaPlace& place, const LayoutDescriptor& layout) {
    world::build_l2_memory(arena.l2, place.arena + offsetof(Arena, l2), place);
    world::build_l2_memory(arena.low_memory, place.low_memory, place);
    world::fill_stacks(arena.low_memory);
    world::build_idts(arena, layout);
    world::build_page_tables(arena, place.arena);
}

} // namespace vmrunit
