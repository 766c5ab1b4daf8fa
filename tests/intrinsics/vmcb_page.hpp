// SPDX-License-Identifier: GPL-2.0-only
// The fields of a VMCB that the intrinsics payload uses (APM volume 2, appendix B), by offset.
// harness/svm/vmcb.hpp needs headers of the C++ library, which for 32 bits need not be installed;
// the 64-bit payload proves the offsets against it (vmcb_page_check.cpp).
#pragma once

#include "tests/intrinsics/machine.hpp"

namespace vmcb_offset {

// clang-format off
inline constexpr size_t intercepts_misc_1 = 0x00c;
inline constexpr size_t intercepts_misc_2 = 0x010;
inline constexpr size_t guest_asid        = 0x058;
inline constexpr size_t exit_code         = 0x070;
inline constexpr size_t es                = 0x400;
inline constexpr size_t cs                = 0x410;
inline constexpr size_t ss                = 0x420;
inline constexpr size_t ds                = 0x430;
inline constexpr size_t fs                = 0x440;
inline constexpr size_t gs                = 0x450;
inline constexpr size_t ldtr              = 0x470;
inline constexpr size_t tr                = 0x490;
inline constexpr size_t efer              = 0x4d0;
inline constexpr size_t cr4               = 0x548;
inline constexpr size_t cr3               = 0x550;
inline constexpr size_t cr0               = 0x558;
inline constexpr size_t dr7               = 0x560;
inline constexpr size_t dr6               = 0x568;
inline constexpr size_t rflags            = 0x570;
inline constexpr size_t rip               = 0x578;
inline constexpr size_t rax               = 0x5f8;
inline constexpr size_t star              = 0x600;
inline constexpr size_t lstar             = 0x608;
inline constexpr size_t cstar             = 0x610;
inline constexpr size_t sfmask            = 0x618;
inline constexpr size_t kernel_gs_base    = 0x620;
inline constexpr size_t sysenter_cs       = 0x628;
inline constexpr size_t sysenter_esp      = 0x630;
inline constexpr size_t sysenter_eip      = 0x638;
inline constexpr size_t g_pat             = 0x668;
// clang-format on

inline constexpr size_t in_segment_attributes = 2;
inline constexpr size_t in_segment_limit = 4;
inline constexpr size_t in_segment_base = 8;

} // namespace vmcb_offset

inline constexpr uint64_t exit_code_vmmcall = 0x81;

struct alignas(4096) VmcbPage {
    uint8_t bytes[4096];

    template<class Field>
    volatile Field& at(size_t offset) {
        return *reinterpret_cast<volatile Field*>(bytes + offset);
    }

    /// Linear and physical addresses are the same unless a test says otherwise.
    size_t physical_address() const { return reinterpret_cast<size_t>(this); }

    void fill(uint8_t value) {
        for (uint8_t& byte : bytes) {
            byte = value;
        }
    }

    /// An L2 that shares this L1's address space and mode and begins at `program`.
    void prepare(const char* program);

    /// Runs L2 once; whether it ran and came back by its VMMCALL.
    bool runs_to_vmmcall();
};
static_assert(sizeof(VmcbPage) == 4096);

extern "C" {
extern const char l2_trash_everything[];
extern const char l2_read_msr[];
extern volatile uint32_t l2_runs;
extern volatile machine::Msr l2_msr;
}

/// The only VMCB most tests need.
extern VmcbPage main_vmcb;
