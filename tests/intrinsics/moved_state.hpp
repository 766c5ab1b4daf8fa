// SPDX-License-Identifier: GPL-2.0-only
// The state that VMLOAD and VMSAVE move between CPU and VMCB, and VMRUN does not (APM volume 2,
// 15.5.2): FS, GS, LDTR and TR with their hidden parts, and the MSRs of system calls.
#pragma once

#include "tests/intrinsics/machine.hpp"
#include "tests/intrinsics/vmcb_page.hpp"

struct MovedMsr {
    machine::Msr msr;
    size_t field;
    uint64_t value;

    /// As little like `value` as a legal value can be without a second table.
    constexpr uint64_t other_value() const { return value + 0x10; }
};

struct MovedSegment {
    size_t field;
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit;
    uint64_t base;
};

// clang-format off
inline constexpr MovedMsr moved_msrs[] = {
    {machine::Msr::fs_base,        vmcb_offset::fs + vmcb_offset::in_segment_base, 0x1111'1000},
    {machine::Msr::gs_base,        vmcb_offset::gs + vmcb_offset::in_segment_base, 0x2222'2000},
    {machine::Msr::kernel_gs_base, vmcb_offset::kernel_gs_base,                    0x3333'3000},
    {machine::Msr::star,           vmcb_offset::star,                    0x0044'0033'0000'5555},
    {machine::Msr::lstar,          vmcb_offset::lstar,                             0x6666'6000},
    {machine::Msr::cstar,          vmcb_offset::cstar,                             0x7777'7000},
    {machine::Msr::sfmask,         vmcb_offset::sfmask,                            0x0004'7700},
    {machine::Msr::sysenter_cs,    vmcb_offset::sysenter_cs,                       0x0000'0088},
    {machine::Msr::sysenter_esp,   vmcb_offset::sysenter_esp,                      0x1999'9000},
    {machine::Msr::sysenter_eip,   vmcb_offset::sysenter_eip,                      0x1aaa'a000},
};

inline constexpr MovedSegment moved_segments[] = {
    {vmcb_offset::fs,   0x10, 0xc93, 0xffff'ffff, 0x0123'4000},
    {vmcb_offset::gs,   0x10, 0xc93, 0xffff'ffff, 0x0567'8000},
    {vmcb_offset::ldtr, 0x30, 0x082, 0x0000'002f, 0x0100'0000},
    {vmcb_offset::tr,   0x40, 0x08b, 0x0000'0123, 0x0200'0000},
};
// clang-format on

/// Whether the byte at this offset of a VMCB belongs to a moved field.
bool is_moved(size_t offset);

bool same_moved_state(const VmcbPage& one, const VmcbPage& other);

/// Gives the CPU's MSRs the values of the table.
void write_moved_msrs();

/// Gives every moved field a value that the CPU does not hold.
void fill_moved_state(VmcbPage& page);
