// SPDX-License-Identifier: GPL-2.0-only
// Numbers of the model-specific registers that SVM moves, that the tests touch, or that permission
// maps are tried on, and the bits of those that only SVM has (APM vol. 2, 15.30 and Appendix A).
#pragma once

#include <cstdint>

namespace vmrunit::svm {

namespace msr {
// clang-format off
inline constexpr std::uint32_t tsc              = 0x00000010;
inline constexpr std::uint32_t apic_base        = 0x0000001b;
inline constexpr std::uint32_t spec_ctrl        = 0x00000048;
inline constexpr std::uint32_t pred_cmd         = 0x00000049;
inline constexpr std::uint32_t mperf            = 0x000000e7;
inline constexpr std::uint32_t mtrr_cap         = 0x000000fe;
inline constexpr std::uint32_t sysenter_cs      = 0x00000174;
inline constexpr std::uint32_t sysenter_esp     = 0x00000175;
inline constexpr std::uint32_t sysenter_eip     = 0x00000176;
inline constexpr std::uint32_t mcg_cap          = 0x00000179;
inline constexpr std::uint32_t mcg_status       = 0x0000017a;
inline constexpr std::uint32_t debug_ctl        = 0x000001d9;
inline constexpr std::uint32_t br_from          = 0x000001db;
inline constexpr std::uint32_t br_to            = 0x000001dc;
inline constexpr std::uint32_t last_excp_from   = 0x000001dd;
inline constexpr std::uint32_t last_excp_to     = 0x000001de;
inline constexpr std::uint32_t pat              = 0x00000277;
inline constexpr std::uint32_t mtrr_def_type    = 0x000002ff;
inline constexpr std::uint32_t u_cet            = 0x000006a0;
inline constexpr std::uint32_t s_cet            = 0x000006a2;
inline constexpr std::uint32_t pl0_ssp          = 0x000006a4;
inline constexpr std::uint32_t pl3_ssp          = 0x000006a7;
inline constexpr std::uint32_t isst_addr        = 0x000006a8;
inline constexpr std::uint32_t x2apic_id        = 0x00000802;
inline constexpr std::uint32_t x2apic_tpr       = 0x00000808;
inline constexpr std::uint32_t x2apic_icr       = 0x00000830;
inline constexpr std::uint32_t efer             = 0xc0000080;
inline constexpr std::uint32_t star             = 0xc0000081;
inline constexpr std::uint32_t lstar            = 0xc0000082;
inline constexpr std::uint32_t cstar            = 0xc0000083;
inline constexpr std::uint32_t sfmask           = 0xc0000084;
inline constexpr std::uint32_t fs_base          = 0xc0000100;
inline constexpr std::uint32_t gs_base          = 0xc0000101;
inline constexpr std::uint32_t kernel_gs_base   = 0xc0000102;
inline constexpr std::uint32_t tsc_aux          = 0xc0000103;
inline constexpr std::uint32_t tsc_ratio        = 0xc0000104;
inline constexpr std::uint32_t syscfg           = 0xc0010010;
inline constexpr std::uint32_t hwcr             = 0xc0010015;
inline constexpr std::uint32_t smi_trigger_port = 0xc0010056;
inline constexpr std::uint32_t smm_base         = 0xc0010111;
inline constexpr std::uint32_t vm_cr            = 0xc0010114;
inline constexpr std::uint32_t ignne            = 0xc0010115;
inline constexpr std::uint32_t smm_ctl          = 0xc0010116;
inline constexpr std::uint32_t vm_hsave_pa      = 0xc0010117;
inline constexpr std::uint32_t svm_key          = 0xc0010118;
inline constexpr std::uint32_t avic_doorbell    = 0xc001011b;
// clang-format on
} // namespace msr

namespace vm_cr {
// clang-format off
inline constexpr std::uint64_t dpd         = 1 << 0;    // debug port disabled
inline constexpr std::uint64_t r_init      = 1 << 1;    // INIT becomes #SX
inline constexpr std::uint64_t dis_a20m    = 1 << 2;
inline constexpr std::uint64_t lock        = 1 << 3;    // svm_disable cannot be changed
inline constexpr std::uint64_t svm_disable = 1 << 4;    // EFER.SVME cannot be set
// clang-format on
} // namespace vm_cr

namespace hwcr {
inline constexpr std::uint64_t smm_lock = 1 << 0;
} // namespace hwcr

namespace apic_base {
// clang-format off
inline constexpr std::uint64_t bootstrap = 1 << 8;
inline constexpr std::uint64_t x2apic    = 1 << 10;
inline constexpr std::uint64_t enable    = 1 << 11;
// clang-format on
} // namespace apic_base

namespace debug_ctl {
// clang-format off
inline constexpr std::uint64_t lbr = 1 << 0;    // record the last branch
inline constexpr std::uint64_t btf = 1 << 1;    // single-step on branches
// clang-format on
} // namespace debug_ctl

// 1.0 in the 8.32 fixed point format of the TSC ratio.
inline constexpr std::uint64_t tsc_ratio_one = std::uint64_t{1} << 32;

// PAT after reset: WB, WT, UC-, UC, twice.
inline constexpr std::uint64_t pat_reset = 0x0007040600070406;

// The MSR permission map (15.11): two bits per MSR, read then write, for three ranges of 2000h MSRs
// at 800h bytes each. An MSR outside them is always intercepted while MSR_PROT is set.
inline constexpr std::uint32_t msr_permission_map_size = 0x2000;
inline constexpr std::uint32_t io_permission_map_size = 0x3000;

// Bit number of the read bit of `number` in the map, the write bit is the next; -1 if not covered.
constexpr std::int32_t msr_permission_bit(std::uint32_t number) {
    constexpr std::uint32_t range_starts[] = {0x00000000, 0xc0000000, 0xc0010000};
    constexpr std::uint32_t msrs_per_range = 0x2000;
    std::int32_t first_bit = 0;
    for (const std::uint32_t start : range_starts) {
        if (number >= start && number - start < msrs_per_range) {
            return first_bit + static_cast<std::int32_t>((number - start) * 2);
        }
        first_bit += 0x800 * 8;
    }
    return -1;
}

} // namespace vmrunit::svm
