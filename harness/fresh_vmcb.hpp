// SPDX-License-Identifier: GPL-2.0-only
// The documented baseline: the VMCB every case begins with, before its own writes.
//
// VMRUN, VMMCALL and SHUTDOWN are intercepted: the first must be, the second ends L2 programs, the
// third keeps a dying L2 from taking the machine with it. Everything else is left alone. APM2 15.5.
#pragma once

#include "harness/arena.hpp"
#include "harness/l2_mode.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <cstdint>

namespace vmrunit {

/// How L2 begins.
struct L2Start {
    L2Mode mode = L2Mode::long64;
    std::uint8_t cpl = 0; ///< 0 or 3.
    bool nested_paging = true;

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
        return {paged, cr4::pse | sse, efer::svme};
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
        return arena_address + offsetof(Arena, legacy_pd);
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

/// Fills a zeroed VMCB for an L2 that lives in the arena at guest physical address `address`. RIP
/// stays 0: the plan names the program.
constexpr void fresh_vmcb(svm::Vmcb& vmcb, std::uint64_t address, const L2Start& start) {
    auto& control = vmcb.control;
    control.intercepts =
        svm::InterceptSet{svm::Intercept::vmrun, svm::Intercept::vmmcall, svm::Intercept::shutdown};
    control.iopm_base_pa = address + offsetof(Arena, io_permissions);
    control.msrpm_base_pa = address + offsetof(Arena, msr_permissions);
    control.guest_asid = 1;
    if (start.nested_paging) {
        control.nested_control.set(svm::NestedControl::np_enable);
        control.n_cr3 = address + offsetof(Arena, nested_pml4);
    }

    auto& save = vmcb.save;
    const bool user = start.cpl == 3;
    const std::uint16_t data = user ? l2_selector::user_data : l2_selector::data;
    save.es = save.ss = save.ds = save.fs =
        save.gs = {data, svm::data32_attributes(start.cpl), world::flat_limit, 0};
    if (start.mode == L2Mode::long64) {
        save.cs = {user ? l2_selector::user_code64 : l2_selector::code64,
                   svm::code64_attributes(start.cpl), world::flat_limit, 0};
    } else {
        save.cs = {user ? l2_selector::user_code32 : l2_selector::code32,
                   svm::code32_attributes(start.cpl), world::flat_limit, 0};
    }
    const std::uint64_t memory = address + offsetof(Arena, l2);
    save.gdtr = {0, sizeof(L2Memory::gdt) - 1, memory + offsetof(L2Memory, gdt)};
    const svm::SegmentAttributes busy_tss = svm::system_attributes(svm::segment_type::tss_busy);
    if (is_long_mode(start.mode)) {
        save.idtr = {0, 256 * 16 - 1, address + offsetof(Arena, idt)};
        save.tr = {l2_selector::tss64, busy_tss, world::tss_limit,
                   memory + offsetof(L2Memory, tss64)};
    } else {
        save.idtr = {0, 256 * 8 - 1, address + offsetof(Arena, legacy_idt)};
        // Not busy, as TR would be after LTR: nothing in the hidden part asks for the type, but
        // QEMU aborts when a stack switch finds it busy, and that would take every case of these
        // modes along. The case about it is event/stack_switch/busy_tss.
        save.tr = {l2_selector::tss32, svm::system_attributes(svm::segment_type::tss_available),
                   world::tss_limit, memory + offsetof(L2Memory, tss32)};
    }
    const world::ModeRegisters registers = world::mode_registers(start.mode);
    save.cpl = start.cpl;
    save.cr0 = registers.cr0;
    save.cr3 = world::root_table(start.mode, address);
    save.cr4 = registers.cr4;
    save.efer = registers.efer;
    save.dr6 = 0xffff'0ff0;
    save.dr7 = 0x400;
    save.rflags = 2;
    save.rsp = memory + offsetof(L2Memory, stack) + sizeof(L2Memory::stack);
    save.g_pat = world::reset_pat;
    save.rax = fresh_register(0);
}

} // namespace vmrunit
