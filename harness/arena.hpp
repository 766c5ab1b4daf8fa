// SPDX-License-Identifier: GPL-2.0-only
// The arena: all memory that one CPU's cases work on, in one block at a fixed place.
//
// Guest and runner share this layout. The payload builds an arena with build_arena() and puts it
// back before every case; the runner builds the same arena to know what memory held before a VMRUN.
#pragma once

#include "harness/l2_mode.hpp"
#include "harness/program.hpp"
#include "harness/svm/vmcb.hpp"

#include <cstddef>
#include <cstdint>

namespace vmrunit {

inline constexpr std::size_t page_size = 4096;

struct alignas(page_size) Page {
    std::uint8_t bytes[page_size];
};

struct alignas(page_size) PageTable {
    std::uint64_t entries[512];
};

/// L2's descriptor tables and stacks: small, because every byte is compared after every VMRUN.
struct alignas(page_size) L2Memory {
    std::uint64_t gdt[32];          ///< Selectors: see l2_selector.
    std::uint8_t tss64[128];        ///< RSP0 for events that arrive at CPL 3 in long mode...
    std::uint8_t tss32[128];        ///< ...SS0:ESP0 outside it. No port is open in either bitmap.
    std::uint8_t stack[512];        ///< L2's stack at entry; grows down from its end.
    std::uint8_t kernel_stack[256]; ///< The stack both TSSs name.
    std::uint8_t data[256];         ///< What L2's instructions read and write.
    std::uint8_t tss16[64];         ///< SS0:SP0 in 16-bit protected mode.
    std::uint8_t padding[page_size - 1600];
};
static_assert(sizeof(L2Memory) == page_size);
inline constexpr std::uint32_t l2_memory_watched = offsetof(L2Memory, padding);

struct Arena {
    svm::Vmcb vmcb;          ///< The VMCB that `run` uses unless a case names another.
    svm::Vmcb spare_vmcb;    ///< Operand of VMLOAD, VMSAVE and VMRUN that L2 executes; second VMCB.
    svm::Vmcb l1_state;      ///< What VMLOAD gives back to L1 after L2: FS, GS, TR, LDTR, MSRs.
    Page host_save;          ///< VM_HSAVE_PA.
    Page msr_permissions[2]; ///< 8 KiB, APM2 15.11.
    Page io_permissions[3];  ///< 12 KiB, APM2 15.10.1.
    L2Memory l2;
    Page idt;        ///< L2's IDT in long mode: 256 gates of 16 bytes.
    Page legacy_idt; ///< L2's IDT elsewhere: 256 gates of 8 bytes.
    PageTable pml4;  ///< L2's page tables: long mode...
    PageTable pdpt;
    PageTable pd[4];       ///< ...shared with PAE: 4 GiB identity in 2 MiB pages.
    PageTable pae_pdpt;    ///< Only the first four entries.
    PageTable legacy_pd;   ///< 32-bit paging with 4 MiB pages, 1024 entries of 4 bytes.
    PageTable nested_pml4; ///< Nested tables of a 64-bit L1: 4 GiB identity in 2 MiB pages.
    PageTable nested_pdpt;
    PageTable nested_pd[4];
    Page idt16; ///< L2's IDT in 16-bit protected mode: 256 gates of 8 bytes.
    Page ivt;   ///< L2's interrupt vector table in real mode: 256 far pointers of 4 bytes.
    /// Not in use: a row that puts it into the first entry of legacy_pd can take single pages of
    /// the first 4 MiB away.
    PageTable legacy_pt;
    /// L2's memory in 16-bit modes. The one that L2 runs on is not here but below 64 KiB, see
    /// LayoutDescriptor; this is the place of its copies.
    L2Memory low_memory;
    /// Nested tables of a 32-bit L1, whose paging they are like: with PAE four entries above
    /// nested_pd, without it 1024 entries of 4 bytes for pages of 4 MiB.
    PageTable nested_pae_pdpt;
    PageTable nested_legacy_pd;
};
static_assert(sizeof(Arena) % page_size == 0);

/// The parts of an arena that a plan may write and a record may report, by number on the wire.
enum class Region : std::uint8_t {
    vmcb = 0,
    spare_vmcb = 1,
    registers = 2, ///< Not arena memory: L2's general registers, 8 bytes each, see Register.
    msr_permissions = 3,
    io_permissions = 4,
    l2_memory = 5,
    idt = 6,
    pml4 = 7,
    pdpt = 8,
    pd = 9,
    pae_pdpt = 10,
    legacy_pd = 11,
    nested_pml4 = 12,
    nested_pdpt = 13,
    nested_pd = 14,
    legacy_idt = 15,
    idt16 = 16,
    ivt = 17,
    low_memory = 18, ///< Rows say l2_memory; in 16-bit modes that is this.
    legacy_pt = 19,
    nested_pae_pdpt = 20,
    nested_legacy_pd = 21,
};
inline constexpr unsigned region_count = 22;

struct RegionPlace {
    const char* name;
    std::uint32_t offset; ///< In the arena.
    std::uint32_t size;   ///< Bytes.
    /// So many bytes from its start are compared after every VMRUN; what lies behind is put back
    /// only if the plan wrote the region. The rest of the tables maps what no L2 program touches.
    std::uint32_t watched;
    /// All of it is compared in cases whose plan writes it.
    bool watched_if_written = false;
};

// The PDPTEs of PAE are not watched: they have no A bit, and a subject that writes one all the same
// would fail every case of that mode instead of the one that is about it.
// clang-format off
inline constexpr RegionPlace region_places[region_count] = {
    {"vmcb",            offsetof(Arena, vmcb),            sizeof(svm::Vmcb),     0},
    {"spare_vmcb",      offsetof(Arena, spare_vmcb),      sizeof(svm::Vmcb),     0,      true},
    {"l2",              0,                                16 * 8,                0},
    {"msrpm",           offsetof(Arena, msr_permissions), 2 * page_size,         0},
    {"iopm",            offsetof(Arena, io_permissions),  3 * page_size,         0},
    {"memory",          offsetof(Arena, l2),              page_size,             l2_memory_watched},
    {"idt",             offsetof(Arena, idt),             page_size,             0},
    {"pml4",            offsetof(Arena, pml4),            page_size,             64},
    {"pdpt",            offsetof(Arena, pdpt),            page_size,             64},
    {"pd",              offsetof(Arena, pd),              4 * page_size,         64},
    {"pae_pdpt",        offsetof(Arena, pae_pdpt),        page_size,             0},
    {"legacy_pd",       offsetof(Arena, legacy_pd),       page_size,             64},
    {"nested_pml4",     offsetof(Arena, nested_pml4),     page_size,             64},
    {"nested_pdpt",     offsetof(Arena, nested_pdpt),     page_size,             64},
    {"nested_pd",       offsetof(Arena, nested_pd),       4 * page_size,         64},
    {"legacy_idt",      offsetof(Arena, legacy_idt),      page_size,             0},
    {"idt16",           offsetof(Arena, idt16),           page_size,             0},
    {"ivt",             offsetof(Arena, ivt),             page_size,             0},
    {"low_memory",      offsetof(Arena, low_memory),      page_size,             l2_memory_watched},
    {"legacy_pt",       offsetof(Arena, legacy_pt),       page_size,             0},
    {"nested_pae_pdpt", offsetof(Arena, nested_pae_pdpt), page_size,             0},
    {"nested_legacy_pd", offsetof(Arena, nested_legacy_pd), page_size,           64},
};
// clang-format on

[[nodiscard]] constexpr const RegionPlace& place_of(Region region) {
    return region_places[static_cast<unsigned>(region)];
}

/// The region that a row means: L2's memory is another one in 16-bit modes.
[[nodiscard]] constexpr Region region_in(L2Mode mode, Region region) {
    return region == Region::l2_memory && is_16bit(mode) ? Region::low_memory : region;
}

/// Where a region begins: guest physical.
[[nodiscard]] constexpr std::uint64_t region_address(const ArenaPlace& place, Region region) {
    return region == Region::low_memory ? place.low_memory : place.arena + place_of(region).offset;
}

/// General registers in the order of their encoding, APM3 1.2.7. RAX and RSP live in the VMCB.
enum class Register : std::uint8_t {
    rax,
    rcx,
    rdx,
    rbx,
    rsp,
    rbp,
    rsi,
    rdi,
    r8,
    r9,
    r10,
    r11,
    r12,
    r13,
    r14,
    r15,
};
inline constexpr unsigned register_count = 16;
inline constexpr const char* register_names[register_count] = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

} // namespace vmrunit
