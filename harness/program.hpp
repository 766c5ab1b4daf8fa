// SPDX-License-Identifier: GPL-2.0-only
// How L2 programs, L1 routines and the arena describe themselves inside the payload.
//
// Each description is a fixed-size entry in a section of the payload's ELF file. The runner reads
// the sections from the very file it boots, so no address and no instruction length is written
// twice.
#pragma once

#include <cstdint>
#include <string_view>

namespace vmrunit {

inline constexpr std::string_view program_section = ".vmrunit.programs";
inline constexpr std::string_view routine_section = ".vmrunit.routines";
inline constexpr std::string_view layout_section = ".vmrunit.layout";

/// An L2 program: what L2 executes, with a label on the instruction under test and one after it.
/// All addresses are link addresses of the payload; code that runs elsewhere is copied there.
struct ProgramDescriptor {
    char name[32];       ///< NUL padded, [a-z0-9_].
    std::uint64_t start; ///< First byte; where L2 begins unless a row says otherwise.
    std::uint64_t insn;  ///< The instruction under test.
    std::uint64_t after; ///< The byte behind it.
    std::uint64_t end;   ///< One past the last byte.
    std::uint32_t bits;  ///< 16, 32 or 64: how the code was assembled.
    std::uint32_t reserved;
};
static_assert(sizeof(ProgramDescriptor) == 72);

/// So many bytes before a 64-bit program is where it begins when its registers have only lower
/// halves: six moves of two bytes each, see l2_program.inc.
inline constexpr std::uint64_t clear_upper_halves_size = 12;

/// A routine of L1 that a case can call between two VMRUNs, by name.
struct RoutineDescriptor {
    char name[32];
    std::uint64_t entry; ///< void (*)(RoutineCall&), see harness/guest/routine.hpp.
};
static_assert(sizeof(RoutineDescriptor) == 40);

/// Where the payload keeps what the runner has to know.
struct LayoutDescriptor {
    std::uint64_t arenas;       ///< The first CPU's arena.
    std::uint32_t arena_size;   ///< sizeof(Arena) of the payload; the runner compares.
    std::uint32_t arena_stride; ///< From one CPU's arena to the next one's.
    std::uint32_t arena_count;
    std::uint32_t handler_size; ///< L2's 256 exception and interrupt handlers: bytes of each...
    std::uint64_t handlers;     ///< ...and where they begin. A handler is one VMMCALL.
    std::uint32_t l1_bits;      ///< 64, or 32 for the x86 image.
    std::uint32_t reserved;
    /// Below 64 KiB, for L2 in 16-bit modes: the same handlers once more, ...
    std::uint64_t low_handlers;
    std::uint64_t low_code;   ///< ...the base that the 16-bit programs' CS has, a multiple of 16...
    std::uint64_t low_memory; ///< ...and an L2Memory for each CPU.
};
static_assert(sizeof(LayoutDescriptor) == 64);

/// Where one CPU's arena and its part of low memory lie; guest physical addresses.
struct ArenaPlace {
    std::uint64_t arena;
    std::uint64_t low_handlers = 0;
    std::uint64_t low_code = 0;
    std::uint64_t low_memory = 0;
};

[[nodiscard]] constexpr ArenaPlace arena_place(const LayoutDescriptor& layout, unsigned cpu) {
    constexpr std::uint64_t low_memory_stride = 0x1000;
    return {layout.arenas + std::uint64_t{cpu} * layout.arena_stride, layout.low_handlers,
            layout.low_code, layout.low_memory + cpu * low_memory_stride};
}

} // namespace vmrunit
