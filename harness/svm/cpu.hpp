// SPDX-License-Identifier: GPL-2.0-only
// Bits of the control, flag and debug registers (APM vol. 2, chapters 3 and 13), and what of them
// is fixed: a value that the processor loaded reads back in its canonical form.
#pragma once

#include <cstdint>

namespace vmrunit::svm {

namespace cr0 {
// clang-format off
inline constexpr std::uint64_t pe = std::uint64_t{1} << 0;
inline constexpr std::uint64_t mp = std::uint64_t{1} << 1;
inline constexpr std::uint64_t em = std::uint64_t{1} << 2;
inline constexpr std::uint64_t ts = std::uint64_t{1} << 3;
inline constexpr std::uint64_t et = std::uint64_t{1} << 4;
inline constexpr std::uint64_t ne = std::uint64_t{1} << 5;
inline constexpr std::uint64_t wp = std::uint64_t{1} << 16;
inline constexpr std::uint64_t am = std::uint64_t{1} << 18;
inline constexpr std::uint64_t nw = std::uint64_t{1} << 29;
inline constexpr std::uint64_t cd = std::uint64_t{1} << 30;
inline constexpr std::uint64_t pg = std::uint64_t{1} << 31;
// clang-format on

inline constexpr std::uint64_t must_be_zero = 0xffffffff00000000;
} // namespace cr0

namespace cr3 {
inline constexpr std::uint64_t pwt = std::uint64_t{1} << 3;
inline constexpr std::uint64_t pcd = std::uint64_t{1} << 4;
} // namespace cr3

namespace cr4 {
// clang-format off
inline constexpr std::uint64_t vme        = std::uint64_t{1} << 0;
inline constexpr std::uint64_t pvi        = std::uint64_t{1} << 1;
inline constexpr std::uint64_t tsd        = std::uint64_t{1} << 2;
inline constexpr std::uint64_t de         = std::uint64_t{1} << 3;
inline constexpr std::uint64_t pse        = std::uint64_t{1} << 4;
inline constexpr std::uint64_t pae        = std::uint64_t{1} << 5;
inline constexpr std::uint64_t mce        = std::uint64_t{1} << 6;
inline constexpr std::uint64_t pge        = std::uint64_t{1} << 7;
inline constexpr std::uint64_t pce        = std::uint64_t{1} << 8;
inline constexpr std::uint64_t osfxsr     = std::uint64_t{1} << 9;
inline constexpr std::uint64_t osxmmexcpt = std::uint64_t{1} << 10;
inline constexpr std::uint64_t umip       = std::uint64_t{1} << 11;
inline constexpr std::uint64_t la57       = std::uint64_t{1} << 12;
inline constexpr std::uint64_t fsgsbase   = std::uint64_t{1} << 16;
inline constexpr std::uint64_t pcide      = std::uint64_t{1} << 17;
inline constexpr std::uint64_t osxsave    = std::uint64_t{1} << 18;
inline constexpr std::uint64_t smep       = std::uint64_t{1} << 20;
inline constexpr std::uint64_t smap       = std::uint64_t{1} << 21;
inline constexpr std::uint64_t pke        = std::uint64_t{1} << 22;
inline constexpr std::uint64_t cet        = std::uint64_t{1} << 23;
// clang-format on

// Newer CPUs may give a meaning to bits above 23.
inline constexpr std::uint64_t must_be_zero = 0xffffffffff08e000;
} // namespace cr4

namespace efer {
// clang-format off
inline constexpr std::uint64_t sce     = std::uint64_t{1} << 0;
inline constexpr std::uint64_t lme     = std::uint64_t{1} << 8;
inline constexpr std::uint64_t lma     = std::uint64_t{1} << 10;
inline constexpr std::uint64_t nxe     = std::uint64_t{1} << 11;
inline constexpr std::uint64_t svme    = std::uint64_t{1} << 12;
inline constexpr std::uint64_t lmsle   = std::uint64_t{1} << 13;
inline constexpr std::uint64_t ffxsr   = std::uint64_t{1} << 14;
inline constexpr std::uint64_t tce     = std::uint64_t{1} << 15;
inline constexpr std::uint64_t mcommit = std::uint64_t{1} << 17;
inline constexpr std::uint64_t intwb   = std::uint64_t{1} << 18;
inline constexpr std::uint64_t uaie    = std::uint64_t{1} << 20;
inline constexpr std::uint64_t aibrse  = std::uint64_t{1} << 21;
// clang-format on

inline constexpr std::uint64_t must_be_zero = 0xffffffffffc90200;
inline constexpr std::uint64_t read_as_zero = 0xfe;
} // namespace efer

namespace rflags {
// clang-format off
inline constexpr std::uint64_t cf   = std::uint64_t{1} << 0;
inline constexpr std::uint64_t pf   = std::uint64_t{1} << 2;
inline constexpr std::uint64_t af   = std::uint64_t{1} << 4;
inline constexpr std::uint64_t zf   = std::uint64_t{1} << 6;
inline constexpr std::uint64_t sf   = std::uint64_t{1} << 7;
inline constexpr std::uint64_t tf   = std::uint64_t{1} << 8;
inline constexpr std::uint64_t if_  = std::uint64_t{1} << 9;    // NOLINT(readability-identifier-naming): `if` is a keyword
inline constexpr std::uint64_t df   = std::uint64_t{1} << 10;
inline constexpr std::uint64_t of   = std::uint64_t{1} << 11;
inline constexpr std::uint64_t iopl = std::uint64_t{3} << 12;
inline constexpr std::uint64_t nt   = std::uint64_t{1} << 14;
inline constexpr std::uint64_t rf   = std::uint64_t{1} << 16;
inline constexpr std::uint64_t vm   = std::uint64_t{1} << 17;
inline constexpr std::uint64_t ac   = std::uint64_t{1} << 18;
inline constexpr std::uint64_t vif  = std::uint64_t{1} << 19;
inline constexpr std::uint64_t vip  = std::uint64_t{1} << 20;
inline constexpr std::uint64_t id   = std::uint64_t{1} << 21;
// clang-format on

inline constexpr std::uint64_t always_one = std::uint64_t{1} << 1;
inline constexpr std::uint64_t defined = cf | pf | af | zf | sf | tf | if_ | df | of | iopl | nt |
                                         rf | vm | ac | vif | vip | id | always_one;

constexpr std::uint64_t canonical(std::uint64_t value) {
    return (value & defined) | always_one;
}
} // namespace rflags

namespace dr6 {
// clang-format off
inline constexpr std::uint64_t b0  = std::uint64_t{1} << 0;
inline constexpr std::uint64_t b1  = std::uint64_t{1} << 1;
inline constexpr std::uint64_t b2  = std::uint64_t{1} << 2;
inline constexpr std::uint64_t b3  = std::uint64_t{1} << 3;
inline constexpr std::uint64_t bld = std::uint64_t{1} << 11;    // 0 reports a bus lock
inline constexpr std::uint64_t bd  = std::uint64_t{1} << 13;
inline constexpr std::uint64_t bs  = std::uint64_t{1} << 14;
inline constexpr std::uint64_t bt  = std::uint64_t{1} << 15;
// clang-format on

inline constexpr std::uint64_t must_be_zero = 0xffffffff00000000;
inline constexpr std::uint64_t reset = 0xffff0ff0;

// Without bus-lock detection `bld` reads as one.
constexpr std::uint64_t canonical(std::uint64_t value, bool has_bus_lock_detect) {
    const std::uint64_t own = has_bus_lock_detect ? bld : 0;
    return (value & (b0 | b1 | b2 | b3 | bd | bs | bt | own)) | (reset & ~own);
}
} // namespace dr6

namespace dr7 {
// clang-format off
inline constexpr std::uint64_t l0 = std::uint64_t{1} << 0;
inline constexpr std::uint64_t g0 = std::uint64_t{1} << 1;
inline constexpr std::uint64_t l1 = std::uint64_t{1} << 2;
inline constexpr std::uint64_t g1 = std::uint64_t{1} << 3;
inline constexpr std::uint64_t l2 = std::uint64_t{1} << 4;
inline constexpr std::uint64_t g2 = std::uint64_t{1} << 5;
inline constexpr std::uint64_t l3 = std::uint64_t{1} << 6;
inline constexpr std::uint64_t g3 = std::uint64_t{1} << 7;
inline constexpr std::uint64_t le = std::uint64_t{1} << 8;
inline constexpr std::uint64_t ge = std::uint64_t{1} << 9;
inline constexpr std::uint64_t gd = std::uint64_t{1} << 13;
// clang-format on

inline constexpr std::uint64_t must_be_zero = 0xffffffff00000000;
inline constexpr std::uint64_t always_one = std::uint64_t{1} << 10;
inline constexpr std::uint64_t always_zero = 0xd800;
inline constexpr std::uint64_t reset = always_one;
inline constexpr std::uint64_t breakpoint_enables = 0xff;
inline constexpr std::uint64_t breakpoint_kinds = 0x33330000; ///< R/W0 to R/W3; 0 is execution.

constexpr std::uint64_t canonical(std::uint64_t value) {
    return (value & 0xffffffff & ~always_zero) | always_one;
}
} // namespace dr7

enum class Vector : std::uint8_t {
    divide_error = 0,
    debug = 1,
    nmi = 2,
    breakpoint = 3,
    overflow = 4,
    bound_range = 5,
    invalid_opcode = 6,
    device_not_available = 7,
    double_fault = 8,
    coprocessor_segment_overrun = 9,
    invalid_tss = 10,
    segment_not_present = 11,
    stack = 12,
    general_protection = 13,
    page_fault = 14,
    x87_floating_point = 16,
    alignment_check = 17,
    machine_check = 18,
    simd_floating_point = 19,
    control_protection = 21,
    hypervisor_injection = 28,
    vmm_communication = 29,
    security = 30,
};

// Whether delivery of the exception pushes an error code (APM vol. 2, 8.2).
constexpr bool pushes_error_code(std::uint8_t vector) {
    constexpr std::uint32_t with_error_code = (1u << 8) | (1u << 10) | (1u << 11) | (1u << 12) |
                                              (1u << 13) | (1u << 14) | (1u << 17) | (1u << 21) |
                                              (1u << 29) | (1u << 30);
    return vector < 32 && ((with_error_code >> vector) & 1) != 0;
}

} // namespace vmrunit::svm
