// SPDX-License-Identifier: GPL-2.0-only
// L1 routines: what a case does in L1 besides its VMRUN, by name. A routine describes itself in the
// payload's ELF file (program.hpp); a plan calls it by its link address.
#pragma once

#include "harness/arena.hpp"
#include "harness/program.hpp"

#include <cstdint>

namespace vmrunit::guest {

inline constexpr unsigned max_routine_values = 32;

/// One call: what the routine is given, and what it reports. It judges nothing, and leaves the
/// control registers, EFER, DR7, segments and descriptor tables of L1 as they were: they are
/// compared.
struct RoutineCall {
    Arena& arena;
    std::uint64_t arena_address;
    std::uint32_t argument;
    /// GIF stays as the routine leaves it, so that an event waits for the VMRUN that follows.
    bool leaves_gif_clear = false;
    unsigned value_count = 0;
    std::uint64_t values[max_routine_values]{};

    void report(std::uint64_t value) {
        if (value_count < max_routine_values) {
            values[value_count++] = value;
        }
    }
};

using Routine = void (*)(RoutineCall&);

/// RoutineDescriptor as the compiler can write it: with a pointer where the runner reads an
/// address.
struct alignas(8) RoutineEntry {
    char name[32];
    Routine entry;
};
static_assert(sizeof(RoutineEntry) == sizeof(RoutineDescriptor));

} // namespace vmrunit::guest

/// Defines the routine `name`, followed by its body: VMRUNIT_ROUTINE(clear_svme) { ... call ... }
#define VMRUNIT_ROUTINE(name)                                                                      \
    static void routine_##name(::vmrunit::guest::RoutineCall& call);                               \
    /* Aligned by hand: left alone, the compiler pads between entries. */                          \
    [[gnu::used, gnu::section(".vmrunit.routines"),                                                \
      gnu::aligned(8)]] static constinit const ::vmrunit::guest::RoutineEntry entry_##name{        \
        #name, &routine_##name};                                                                   \
    static void routine_##name([[maybe_unused]] ::vmrunit::guest::RoutineCall& call)
