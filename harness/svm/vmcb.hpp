// SPDX-License-Identifier: GPL-2.0-only
// The virtual machine control block (APM vol. 2, Appendix B): a control area of 400h bytes and the
// state save area of an ordinary guest behind it. Offsets, sizes and meaning of every member are in
// vmcb_field_list.inc and proved against these structures in vmcb_fields.hpp.
#pragma once

#include "harness/svm/bits.hpp"
#include "harness/svm/exit_code.hpp"
#include "harness/svm/intercept.hpp"
#include "harness/svm/segment.hpp"

#include <cstdint>
#include <type_traits>

namespace vmrunit::svm {

inline constexpr std::uint32_t vmcb_size = 0x1000;
inline constexpr std::uint32_t control_area_size = 0x400;
inline constexpr std::uint32_t save_area_offset = control_area_size;
inline constexpr std::uint32_t save_area_size = vmcb_size - control_area_size;

// 3 and 7 need FlushByAsid; other encodings are reserved.
enum class TlbControl : std::uint8_t {
    do_nothing = 0,
    flush_all = 1,
    flush_asid = 3,
    flush_asid_non_global = 7,
};

// Three bytes, because the byte before them is TLB_CONTROL; the ranges count from the first.
struct ReturnAddressPredictorControl {
    using Range = BitRange<ReturnAddressPredictorControl>;
    static constexpr Range allow_larger{0};
    static constexpr Range clear{1};

    std::uint8_t bytes[3];
};

struct VirtualInterrupt : BitWord<VirtualInterrupt, std::uint64_t> {
    // clang-format off
    static constexpr Range v_tpr         {0, 4};
    static constexpr Range v_irq         {8};
    static constexpr Range vgif          {9};
    static constexpr Range v_nmi         {11};
    static constexpr Range v_nmi_mask    {12};
    static constexpr Range v_intr_prio   {16, 4};
    static constexpr Range v_ign_tpr     {20};
    static constexpr Range v_intr_masking{24};
    static constexpr Range v_gif_enable  {25};
    static constexpr Range v_nmi_enable  {26};
    static constexpr Range x2avic_enable {30};
    static constexpr Range avic_enable   {31};
    static constexpr Range v_intr_vector {32, 8};
    // clang-format on
};

struct InterruptShadow : BitWord<InterruptShadow, std::uint64_t> {
    static constexpr Range interrupt_shadow{0};
    static constexpr Range guest_interrupt_mask{1};
};

enum class EventType : std::uint8_t {
    interrupt = 0,
    nmi = 2,
    exception = 3,
    software_interrupt = 4, // INT n
};

// EVENTINJ and EXITINTINFO.
struct EventInformation : BitWord<EventInformation, std::uint64_t> {
    // clang-format off
    static constexpr Range vector          {0, 8};
    static constexpr Range type            {8, 3};
    static constexpr Range error_code_valid{11};
    static constexpr Range reserved        {12, 19};
    static constexpr Range valid           {31};
    static constexpr Range error_code      {32, 32};
    // clang-format on

    static constexpr EventInformation event(EventType event_type, std::uint8_t event_vector) {
        return EventInformation{}
            .with(vector, event_vector)
            .with(type, static_cast<std::uint8_t>(event_type))
            .with(valid);
    }
    static constexpr EventInformation event(EventType event_type, std::uint8_t event_vector,
                                            std::uint32_t pushed_error_code) {
        return event(event_type, event_vector)
            .with(error_code_valid)
            .with(error_code, pushed_error_code);
    }
};
using EventInjection = EventInformation;

struct NestedControl : BitWord<NestedControl, std::uint64_t> {
    // clang-format off
    static constexpr Range np_enable             {0};
    static constexpr Range sev_enable            {1};
    static constexpr Range sev_es_enable         {2};
    static constexpr Range gmet_enable           {3};
    static constexpr Range sss_check_enable      {4};
    static constexpr Range vte_enable            {5};
    static constexpr Range rogpt_enable          {6};
    static constexpr Range invlpgb_tlbsync_enable{7};
    static constexpr Range pml_enable            {11};
    // clang-format on
};

struct LbrControl : BitWord<LbrControl, std::uint64_t> {
    static constexpr Range lbr_virtualization_enable{0};
    static constexpr Range v_vmsave_vmload_enable{1};
    static constexpr Range ibs_virtualization_enable{2};
    static constexpr Range pmc_virtualization_enable{3};
};

// A set bit lets the processor keep what it cached of those fields; a clear bit must be honoured.
struct CleanBits : BitWord<CleanBits, std::uint32_t> {
    // clang-format off
    static constexpr Range intercepts{0};
    static constexpr Range iopm      {1};
    static constexpr Range asid      {2};
    static constexpr Range tpr       {3};
    static constexpr Range np        {4};
    static constexpr Range crx       {5};
    static constexpr Range drx       {6};
    static constexpr Range dt        {7};
    static constexpr Range seg       {8};
    static constexpr Range cr2       {9};
    static constexpr Range lbr       {10};
    static constexpr Range avic      {11};
    static constexpr Range cet       {12};
    static constexpr Range software  {31};
    // clang-format on
};

struct ControlArea {
    InterceptSet intercepts;
    std::uint8_t reserved_018[0x03c - 0x018];
    std::uint16_t pause_filter_threshold;
    std::uint16_t pause_filter_count;
    std::uint64_t iopm_base_pa;
    std::uint64_t msrpm_base_pa;
    std::uint64_t tsc_offset;
    std::uint32_t guest_asid;
    TlbControl tlb_control;
    ReturnAddressPredictorControl rap_control;
    VirtualInterrupt virtual_interrupt;
    InterruptShadow interrupt_shadow;
    ExitCode exit_code;
    std::uint64_t exit_info_1;
    std::uint64_t exit_info_2;
    EventInformation exit_int_info;
    NestedControl nested_control;
    std::uint64_t v_apic_bar;
    std::uint64_t ghcb_gpa;
    EventInformation event_injection;
    std::uint64_t n_cr3;
    LbrControl lbr_control;
    CleanBits clean_bits;
    std::uint8_t reserved_0c4[0x0c8 - 0x0c4];
    std::uint64_t next_rip;
    std::uint8_t insn_byte_count;
    std::uint8_t insn_bytes[15];
    std::uint64_t avic_backing_page;
    std::uint8_t reserved_0e8[0x0f0 - 0x0e8];
    std::uint64_t avic_logical_table;
    std::uint64_t avic_physical_table;
    std::uint8_t reserved_100[0x108 - 0x100];
    std::uint64_t vmsa_pointer;
    std::uint64_t vmgexit_rax;
    std::uint8_t vmgexit_cpl;
    std::uint8_t reserved_119[0x120 - 0x119];
    std::uint16_t bus_lock_threshold_count;
    std::uint8_t reserved_122[0x134 - 0x122];
    std::uint32_t update_irr;
    std::uint64_t allowed_sev_features_mask;
    std::uint64_t guest_sev_features;
    std::uint8_t reserved_148[0x150 - 0x148];
    std::uint8_t requested_irr[0x170 - 0x150];
    std::uint8_t reserved_170[0x1c8 - 0x170];
    std::uint64_t pml_base;
    std::uint64_t pml_index;
    std::uint8_t reserved_1d8[0x3e0 - 0x1d8];
    std::uint8_t host_use[0x400 - 0x3e0];
};
static_assert(sizeof(ControlArea) == control_area_size);

struct SaveArea {
    Segment es;
    Segment cs;
    Segment ss;
    Segment ds;
    Segment fs;
    Segment gs;
    DescriptorTable gdtr;
    Segment ldtr;
    DescriptorTable idtr;
    Segment tr;
    std::uint8_t reserved_4a0[0x4ca - 0x4a0];
    std::uint8_t vmpl;
    std::uint8_t cpl;
    std::uint8_t reserved_4cc[0x4d0 - 0x4cc];
    std::uint64_t efer;
    std::uint8_t reserved_4d8[0x4e0 - 0x4d8];
    std::uint64_t perf_ctl0;
    std::uint64_t perf_ctr0;
    std::uint64_t perf_ctl1;
    std::uint64_t perf_ctr1;
    std::uint64_t perf_ctl2;
    std::uint64_t perf_ctr2;
    std::uint64_t perf_ctl3;
    std::uint64_t perf_ctr3;
    std::uint64_t perf_ctl4;
    std::uint64_t perf_ctr4;
    std::uint64_t perf_ctl5;
    std::uint64_t perf_ctr5;
    std::uint8_t reserved_540[0x548 - 0x540];
    std::uint64_t cr4;
    std::uint64_t cr3;
    std::uint64_t cr0;
    std::uint64_t dr7;
    std::uint64_t dr6;
    std::uint64_t rflags;
    std::uint64_t rip;
    std::uint8_t reserved_580[0x5c0 - 0x580];
    std::uint64_t instr_retired_ctr;
    std::uint64_t perf_ctr_global_sts;
    std::uint64_t perf_ctr_global_ctl;
    std::uint64_t rsp;
    std::uint64_t s_cet;
    std::uint64_t ssp;
    std::uint64_t isst_addr;
    std::uint64_t rax;
    std::uint64_t star;
    std::uint64_t lstar;
    std::uint64_t cstar;
    std::uint64_t sfmask;
    std::uint64_t kernel_gs_base;
    std::uint64_t sysenter_cs;
    std::uint64_t sysenter_esp;
    std::uint64_t sysenter_eip;
    std::uint64_t cr2;
    std::uint8_t reserved_648[0x668 - 0x648];
    std::uint64_t g_pat;
    std::uint64_t dbgctl;
    std::uint64_t br_from;
    std::uint64_t br_to;
    std::uint64_t last_excp_from;
    std::uint64_t last_excp_to;
    std::uint64_t dbgextnctl;
    std::uint8_t reserved_6a0[0x6e0 - 0x6a0];
    std::uint64_t spec_ctrl;
    std::uint8_t reserved_6e8[0xa70 - 0x6e8];
    std::uint8_t lbr_stack[0xb70 - 0xa70];
    std::uint64_t lbr_select;
    std::uint64_t ibs_fetch_ctl;
    std::uint64_t ibs_fetch_linaddr;
    std::uint64_t ibs_op_ctl;
    std::uint64_t ibs_op_rip;
    std::uint64_t ibs_op_data;
    std::uint64_t ibs_op_data2;
    std::uint64_t ibs_op_data3;
    std::uint64_t ibs_dc_linaddr;
    std::uint64_t ibs_brtgt_rip;
    std::uint64_t ibs_fetch_extd_ctl;
    std::uint8_t reserved_bc8[0x1000 - 0xbc8];
};
static_assert(sizeof(SaveArea) == save_area_size);

struct alignas(vmcb_size) Vmcb {
    ControlArea control;
    SaveArea save;
};
static_assert(sizeof(Vmcb) == vmcb_size);
static_assert(alignof(Vmcb) == vmcb_size);
static_assert(std::is_standard_layout_v<Vmcb> && std::is_trivially_copyable_v<Vmcb>);

} // namespace vmrunit::svm
