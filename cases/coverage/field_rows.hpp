// SPDX-License-Identifier: GPL-2.0-only
// Which rows show that L2 sees a field of the VMCB: how it shows differs from field to field, and
// no write or expectation tells.
#pragma once

#include <string_view>

namespace vmrunit::cases {

struct FieldRow {
    std::string_view leaf; ///< Glob over names of the field list.
    std::string_view rows; ///< Glob over cases, as row_matches() takes it.
};

namespace field_rows {

// clang-format off

/// With a value other than the usual one. The rows below "fields/" that have the field's own name
/// need no line.
inline constexpr FieldRow loaded[] = {
    {"control.pause_filter_count",                    "intercept/pause/filter*"},
    {"control.pause_filter_threshold",                "intercept/pause/threshold_passed"},
    {"control.guest_asid",                            "npt/changed/*_other_asid"},
    {"control.tlb_control",                           "npt/changed/*_flush_*"},
    {"control.virtual_interrupt.*",                   "event/virtual_interrupt"},
    {"control.virtual_interrupt.v_nmi*",              "event/virtual_nmi"},
    {"control.virtual_interrupt.v_intr_masking",      "event/physical_interrupt/masking1*"},
    {"control.virtual_interrupt.v_*",                 "intercept/cr8_*/v_intr_masking/not_taken"},
    {"control.interrupt_shadow.interrupt_shadow",     "event/virtual_interrupt/shadow"},
    {"control.event_injection.*",                     "event/injected_*"},
    {"control.n_cr3",                                 "caching/clean_clear/np"},
    {"control.next_rip",                              "event/injected_int_n/next_rip"},
    {"control.lbr_control.lbr_virtualization_enable", "fields/save_br_from/loaded"},
    {"control.lbr_control.v_vmsave_vmload_enable",    "instructions/virtual_vmload/translated"},
    {"control.v_apic_bar.address",                    "event/avic/accelerated"},
    {"control.avic_backing_page.address",             "event/avic/accelerated"},
    {"control.avic_physical_table.*",                 "event/avic/incomplete_ipi"},
    {"control.virtual_interrupt.avic_enable",         "event/avic/accelerated"},
    {"control.virtual_interrupt.x2avic_enable",       "event/avic/x2avic"},
    {"control.bus_lock_threshold_count",              "intercept/buslock/below_threshold"},
    {"control.nested_control.invlpgb_tlbsync_enable", "intercept/tlbsync/enabled/not_taken"},
    {"control.nested_control.gmet_enable",            "npt/gmet/supervisor_fetch"},
    {"control.nested_control.rogpt_enable",           "npt/read_only_tables/accessed"},
    {"control.nested_control.pml_enable",             "npt/modification_log/full"},
    {"control.pml_base",                              "npt/modification_log/logged"},
    {"control.pml_index",                             "npt/modification_log/full"},
    {"save.cr0.p?",                                   "consistency/mode_bits/entered"},
    {"save.cr0.et",                                   "consistency/cr0/entered/et_clear"},
    {"save.efer.lm?",                                 "consistency/mode_bits/entered"},
    {"save.cr3.base",                                 "npt/walk_root"},
    {"save.rip",                                      "fields/save_cs_base/used"},
    {"save.rflags",                                   "event/virtual_interrupt/if_set"},
    {"save.cs.attributes.granularity",                "fields/save_cs_limit/used"},
    {"save.idtr.limit",                               "event/cut_short/gp"},
    {"save.idtr.base",                                "event/cut_short/pf"},
};

/// With the value that every VMCB has, or that L2's mode gives it.
inline constexpr FieldRow as_it_is[] = {
    {"control.iopm_base_pa.page",        "intercept/ioio/map"},
    {"control.msrpm_base_pa.page",       "intercept/msr_*/lstar*"},
    {"control.nested_control.np_enable", "npt/leaf_4k/absent"},
    {"control.clean_bits.intercepts",    "caching/clean_clear/intercepts"},
    {"control.clean_bits.iopm",          "caching/clean_clear/iopm"},
    {"control.clean_bits.asid",          "caching/clean_clear/asid"},
    {"control.clean_bits.tpr",           "caching/clean_clear/tpr"},
    {"control.clean_bits.np",            "caching/clean_clear/np"},
    {"control.clean_bits.crx",           "caching/clean_clear/crx"},
    {"control.clean_bits.drx",           "caching/clean_clear/drx"},
    {"control.clean_bits.dt",            "caching/clean_clear/dt"},
    {"control.clean_bits.seg",           "caching/clean_clear/seg"},
    {"control.clean_bits.cr2",           "caching/clean_clear/cr2"},
    {"control.clean_bits.lbr",           "caching/clean_clear/lbr"},
    {"control.clean_bits.cet",           "caching/clean_clear/cet"},
    {"save.gdtr.*",                      "intercept/gdtr_read/not_taken"},
    {"save.idtr.*",                      "intercept/idtr_read/not_taken"},
    {"save.cpl",                         "fields/save_cpl/decides"},
    {"save.cr4.pae",                     "npt/leaf_4k/sound/*/l2_pae*"},
    // Sixty-four bits of a register are there in 64-bit code alone.
    {"save.cs.attributes.long_mode",     "fields/save_rax/loaded/*/l2_long64*"},
    // The tables of this mode are pages of 4 MiB.
    {"save.cr4.pse",                     "npt/leaf_4k/sound/*/l2_prot32*"},
};

/// L2 gives it another value, and nobody stores that.
inline constexpr FieldRow not_stored[] = {
    {"save.fs.*",   "fields/save_fs_selector/not_stored"},
    {"save.gs.*",   "fields/save_gs_selector/not_stored"},
    {"save.ldtr.*", "fields/save_ldtr_selector/not_stored"},
    {"save.tr.*",   "fields/save_tr_selector/not_stored"},
};

// clang-format on

} // namespace field_rows

} // namespace vmrunit::cases
