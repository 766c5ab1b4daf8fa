// SPDX-License-Identifier: GPL-2.0-only
// The state in which the guest library hands a CPU over to C++, in a 64-bit L1 and in a 32-bit one
// (PAE paging; paging.hpp leads to 2-level paging), and the sizes and selectors that assembly and
// C++ must agree on. Macros, because assembly includes this file too;
// C++ code uses the constants below them.
#pragma once

// PE | MP | ET | NE | WP | PG
#define VMRUNIT_L1_CR0 0x80010033
// PAE | OSFXSR | OSXMMEXCPT; OSXSAVE is added where the CPU has XSAVE
#define VMRUNIT_L1_CR4 0x00000620
#ifdef __x86_64__
// LME | NXE
#define VMRUNIT_L1_EFER 0x00000900
#else
// NXE
#define VMRUNIT_L1_EFER 0x00000800
#endif

#define VMRUNIT_SELECTOR_CODE_64 0x08
#define VMRUNIT_SELECTOR_DATA 0x10
#define VMRUNIT_SELECTOR_CODE_32 0x30
#define VMRUNIT_SELECTOR_TASK_STATE 0x48 // two entries long in 64-bit mode
#define VMRUNIT_SELECTOR_FAULT_TASK 0x50 // 32-bit L1 only

#define VMRUNIT_MAXIMUM_CPUS 4
#define VMRUNIT_STACK_SIZE 0x8000
#define VMRUNIT_FAULT_STACK_SIZE 0x2000

// Where the 16-bit image is linked and copied to; the end is what real mode reaches with segment 0.
#define VMRUNIT_LOW_TEXT_BEGIN 0x1000
#define VMRUNIT_LOW_TEXT_LIMIT 0x10000

// Values of guest_start()'s first parameter.
#define VMRUNIT_DOOR_PVH 1
#define VMRUNIT_DOOR_MULTIBOOT2 2

#ifndef __ASSEMBLER__

#include <cstddef>
#include <cstdint>

namespace vmrunit::guest {

inline constexpr std::uint64_t l1_cr0 = VMRUNIT_L1_CR0;
inline constexpr std::uint64_t l1_cr4_without_osxsave = VMRUNIT_L1_CR4;
// As written; reading it back in a 64-bit L1 shows LMA as well.
inline constexpr std::uint64_t l1_efer = VMRUNIT_L1_EFER;
inline constexpr std::uint64_t l1_xcr0 = 1;
inline constexpr std::uint64_t l1_rflags = 2;

inline constexpr std::size_t maximum_cpus = VMRUNIT_MAXIMUM_CPUS;
inline constexpr std::size_t stack_size = VMRUNIT_STACK_SIZE;
inline constexpr std::size_t fault_stack_size = VMRUNIT_FAULT_STACK_SIZE;

// Everything below is mapped one to one; nothing above is mapped.
inline constexpr std::uint64_t identity_map_end = std::uint64_t{1} << 32;

} // namespace vmrunit::guest

#endif
