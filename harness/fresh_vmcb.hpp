// SPDX-License-Identifier: GPL-2.0-only
// The documented baseline: the VMCB every case begins with, before its own writes.
//
// VMRUN, VMMCALL and SHUTDOWN are intercepted: the first must be, the second ends L2 programs, the
// third keeps a dying L2 from taking the machine with it. Everything else is left alone. APM2 15.5.
#pragma once

#include "harness/arena.hpp"
#include "harness/l1_mode.hpp"
#include "harness/l2_mode.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <cstdint>

namespace vmrunit {

/// How L2 begins, and under which L1.
struct L2Start {
    L2Mode mode = L2Mode::long64;
    std::uint8_t cpl = 0; ///< 0 or 3, see has_cpl().
    bool nested_paging = true;
    L1Mode l1 = L1Mode::long64;

    constexpr bool operator==(const L2Start&) const = default;
};

namespace world {

struct ModeRegisters {
    std::uint64_t cr0, cr4, efer;
};

[[nodiscard]] constexpr ModeRegisters mode_registers(L2Mode mode) {
    namespace cr0 = svm::cr0;
    namespace cr4 = svm::cr4;
    namespace efer = svm::efer;
    constexpr std::uint64_t paged = cr0::pe | cr0::mp | cr0::et | cr0::ne | cr0::wp | cr0::pg;
    constexpr std::uint64_t sse = cr4::osfxsr | cr4::osxmmexcpt;
    switch (mode) {
    case L2Mode::long64:
    case L2Mode::compat:
        return {paged, cr4::pae | sse, efer::svme | efer::nxe | efer::lme | efer::lma};
    case L2Mode::pae:
        return {paged, cr4::pae | sse, efer::svme | efer::nxe};
    case L2Mode::prot32:
    case L2Mode::prot16:
    case L2Mode::v86:
        return {paged, cr4::pse | sse, efer::svme};
    case L2Mode::paged_real:
        return {paged & ~cr0::pe, cr4::pse | sse, efer::svme};
    case L2Mode::real:
        return {paged & ~(cr0::pe | cr0::pg), cr4::pse | sse, efer::svme};
    }
    return {};
}

[[nodiscard]] constexpr std::uint64_t root_table(L2Mode mode, std::uint64_t arena_address) {
    switch (mode) {
    case L2Mode::long64:
    case L2Mode::compat:
        return arena_address + offsetof(Arena, pml4);
    case L2Mode::pae:
        return arena_address + offsetof(Arena, pae_pdpt);
    case L2Mode::prot32:
    case L2Mode::prot16:
    case L2Mode::v86:
    case L2Mode::paged_real:
    case L2Mode::real: // Not used, but MOV CR3 may load it.
        return arena_address + offsetof(Arena, legacy_pd);
    }
    return 0;
}

/// Nested tables have the form of L1's own paging (spec: NPT-MODE). APM2 15.25.3.
[[nodiscard]] constexpr std::uint64_t nested_root(L1Mode mode, std::uint64_t arena_address) {
    switch (mode) {
    case L1Mode::long64:
        return arena_address + offsetof(Arena, nested_pml4);
    case L1Mode::pae:
        return arena_address + offsetof(Arena, nested_pae_pdpt);
    case L1Mode::legacy:
        return arena_address + offsetof(Arena, nested_legacy_pd);
    }
    return 0;
}

inline constexpr std::uint64_t reset_pat = 0x0007'0406'0007'0406;

} // namespace world

/// What a general register holds when L2 begins, unless the plan says otherwise: a pattern of its
/// own, so that a register which changed or was mixed up with another shows.
[[nodiscard]] constexpr std::uint64_t fresh_register(unsigned number) {
    return 0x5a00'5a00'0000'0000 | (std::uint64_t{number} << 32) | (0x0101'0101ull * number);
}

namespace world {

/// Segments of flat 32- and 64-bit code, and the tables beside them.
constexpr void flat_segments(svm::SaveArea& save, const ArenaPlace& place, const L2Start& start) {
    const bool user = start.cpl == 3;
    const std::uint16_t data = user ? l2_selector::user_data : l2_selector::data;
    save.es = save.ss = save.ds = save.fs =
        save.gs = {data, svm::data32_attributes(start.cpl), flat_limit, 0};
    if (start.mode == L2Mode::long64) {
        save.cs = {user ? l2_selector::user_code64 : l2_selector::code64,
                   svm::code64_attributes(start.cpl), flat_limit, 0};
    } else {
        save.cs = {user ? l2_selector::user_code32 : l2_selector::code32,
                   svm::code32_attributes(start.cpl), flat_limit, 0};
    }
    if (is_long_mode(start.mode)) {
        save.idtr = {0, 256 * 16 - 1, place.arena + offsetof(Arena, idt)};
    } else {
        save.idtr = {0, 256 * 8 - 1, place.arena + offsetof(Arena, legacy_idt)};
    }
}

/// Segments of 16-bit code. Data begin at 0, so that an offset is an address; code does not.
constexpr void low_segments(svm::SaveArea& save, const ArenaPlace& place, const L2Start& start) {
    const bool protected_mode = start.mode == L2Mode::prot16;
    const bool user = start.cpl == 3;
    const auto code_selector = static_cast<std::uint16_t>(place.low_code / 16);
    save.es = save.ss = save.ds = save.fs =
        save.gs = {0, svm::data16_attributes(start.cpl), limit16, 0};
    save.cs = {code_selector, svm::code16_attributes(start.cpl), limit16, place.low_code};
    if (protected_mode) {
        save.cs.selector = user ? l2_selector::user_code16 : l2_selector::code16;
        save.es.selector = save.ss.selector = save.ds.selector = save.fs.selector =
            save.gs.selector = user ? l2_selector::user_data16 : l2_selector::data16;
        save.idtr = {0, 256 * 8 - 1, place.arena + offsetof(Arena, idt16)};
    } else if (start.mode == L2Mode::v86) {
        save.cs.attributes = svm::data16_attributes(3); // As IRET to this mode leaves it.
        save.idtr = {0, 256 * 8 - 1, place.arena + offsetof(Arena, legacy_idt)};
    } else {
        save.idtr = {0, 256 * 4 - 1, place.arena + offsetof(Arena, ivt)};
    }
}

/// Not busy outside long mode, as TR would be after LTR: nothing in the hidden part asks for the
/// type, but QEMU aborts when a stack switch finds it busy, and that would take every case of these
/// modes along. The case about it is intercept/exception_ud/busy_tss.
[[nodiscard]] constexpr svm::Segment task_register(L2Mode mode, std::uint64_t memory) {
    namespace type = svm::segment_type;
    if (is_long_mode(mode)) {
        return {l2_selector::tss64, svm::system_attributes(type::tss_busy), tss_limit,
                memory + offsetof(L2Memory, tss64)};
    }
    if (mode == L2Mode::prot16) {
        return {l2_selector::tss16, svm::system_attributes(type::tss_16_available), tss16_limit,
                memory + offsetof(L2Memory, tss16)};
    }
    return {l2_selector::tss32, svm::system_attributes(type::tss_available), tss_limit,
            memory + offsetof(L2Memory, tss32)};
}

} // namespace world

/// Fills a zeroed VMCB for an L2 that lives in the arena at `place`. RIP stays 0: the plan names
/// the program.
constexpr void fresh_vmcb(svm::Vmcb& vmcb, const ArenaPlace& place, const L2Start& start) {
    auto& control = vmcb.control;
    control.intercepts =
        svm::InterceptSet{svm::Intercept::vmrun, svm::Intercept::vmmcall, svm::Intercept::shutdown};
    control.iopm_base_pa = place.arena + offsetof(Arena, io_permissions);
    control.msrpm_base_pa = place.arena + offsetof(Arena, msr_permissions);
    control.guest_asid = 1;
    // Other cases had translations by this ASID, and VMRUN drops none by itself. APM2 15.16.
    control.tlb_control = svm::TlbControl::flush_all;
    if (start.nested_paging) {
        control.nested_control.set(svm::NestedControl::np_enable);
        control.n_cr3 = world::nested_root(start.l1, place.arena);
    }

    auto& save = vmcb.save;
    if (is_16bit(start.mode)) {
        world::low_segments(save, place, start);
    } else {
        world::flat_segments(save, place, start);
    }
    const std::uint64_t memory = region_address(place, region_in(start.mode, Region::l2_memory));
    save.gdtr = {0, sizeof(L2Memory::gdt) - 1, memory + offsetof(L2Memory, gdt)};
    save.tr = world::task_register(start.mode, memory);
    const world::ModeRegisters registers = world::mode_registers(start.mode);
    save.cpl = start.cpl;
    save.cr0 = registers.cr0;
    save.cr3 = world::root_table(start.mode, place.arena);
    save.cr4 = registers.cr4;
    save.efer = registers.efer;
    save.dr6 = 0xffff'0ff0;
    save.dr7 = 0x400;
    save.rflags = svm::rflags::always_one | (start.mode == L2Mode::v86 ? svm::rflags::vm : 0);
    save.rsp = memory + offsetof(L2Memory, stack) + sizeof(L2Memory::stack);
    save.g_pat = world::reset_pat;
    save.rax = fresh_register(0);
}

} // namespace vmrunit
