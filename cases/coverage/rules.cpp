// SPDX-License-Identifier: GPL-2.0-only
// Coverage of the rules that are neither a bit nor a check: what the instructions of SVM do in L1,
// what crosses with VMRUN and #VMEXIT, GIF, virtual interrupts, and so on, rule by rule with the
// rows about it. APM2 chapter 15; the instructions: APM3.

#include "cases/coverage/family.hpp"
#include "cases/coverage/shown_by_rows.hpp"

namespace vmrunit::cases {
namespace {

using svm::Feature;

// clang-format off
constexpr RowItem items[] = {
    // Instructions of SVM, in L1 and in L2.
    {"instruction/svme_clear/vmrun",     "VMRUN without EFER.SVME is #UD",                     "15.4", "intrinsics/vmrun/svme_clear intercept/vmrun/order_ud"},
    {"instruction/svme_clear/vmload",    "VMLOAD likewise",                                    "15.4", "intrinsics/vmload/svme_clear"},
    {"instruction/svme_clear/vmsave",    "VMSAVE likewise",                                    "15.4", "intrinsics/vmsave/svme_clear"},
    {"instruction/svme_clear/clgi",      "CLGI likewise",                                      "15.4", "intrinsics/clgi/svme_clear"},
    {"instruction/svme_clear/invlpga",   "INVLPGA likewise",                                   "15.4", "intrinsics/invlpga/svme_clear"},
    {"instruction/svme_clear/vmmcall",   "VMMCALL likewise",                                   "15.4"},
    {"instruction/svme_clear/stgi",      "STGI works without SVME on a CPU with SKINIT",       "15.4", "intrinsics/stgi/svme_clear", Feature::skinit},
    {"instruction/svme_clear/stgi_ud",   "STGI without SVME and SKINIT is #UD",                "15.4", "intrinsics/stgi/svme_clear_without_skinit"},
    {"instruction/real_mode",            "in real and virtual-8086 mode they are #UD",         "15.5.1", "intercept/vmrun/order_ud intercept/vmload/order_ud intercept/vmsave/order_ud intercept/stgi/order_ud intercept/clgi/order_ud"},
    {"instruction/no_paging",            "L1 without paging may execute VMRUN",                "15.5.1"},
    {"instruction/cpl/vmrun",            "VMRUN above CPL 0 is #GP",                           "15.5.1", "intercept/vmrun/order_cpl"},
    {"instruction/cpl/vmload",           "VMLOAD above CPL 0 is #GP",                          "15.5.2", "intercept/vmload/order_cpl"},
    {"instruction/cpl/vmsave",           "VMSAVE above CPL 0 is #GP",                          "15.5.2", "intercept/vmsave/order_cpl"},
    {"instruction/cpl/stgi",             "STGI above CPL 0 is #GP",                            "15.17", "intercept/stgi/order_cpl"},
    {"instruction/cpl/clgi",             "CLGI above CPL 0 is #GP",                            "15.17", "intercept/clgi/order_cpl"},
    {"instruction/cpl/invlpga",          "INVLPGA above CPL 0 is #GP",                         "15.16", "intercept/invlpga/order_cpl"},
    {"instruction/cpl/skinit",           "SKINIT above CPL 0 is #GP",                          "15.27", "intercept/skinit/order_cpl"},
    {"instruction/ud_before_gp",         "without SVME and above CPL 0: #UD",                  "15.4", "instructions/above_cpl_0/*/svme_clear"},
    {"instruction/misaligned",           "an address that is no page's is #GP",                "15.5.1", "consistency/vmrun/misaligned_* intrinsics/vmrun/misaligned* intrinsics/vmload/misaligned* intrinsics/vmsave/misaligned*"},
    {"instruction/beyond_memory",        "an address that no memory has is #GP",               "15.5.1", "consistency/vmrun/beyond_memory_* intrinsics/vmrun/*beyond_memory intrinsics/vmload/*beyond_memory intrinsics/vmsave/*beyond_memory"},
    {"instruction/gp_before_intercept",  "in L2 that #GP comes before the intercept",          "15.9", "intercept/vmrun/misaligned/order_gp intercept/vmrun/beyond_memory/order_gp intercept/vmload/*/order_gp intercept/vmsave/*/order_gp"},
    {"instruction/reserved_region",      "an address that a guest must not use, SMRAM for one", "15.9", "", Feature::vmcb_address_check_change},
    {"instruction/address_size",         "RAX is cut to the address size",                     "15.5.1", "instructions/address_size/*"},
    {"instruction/l1_of_32_bits",        "32-bit code uses EAX",                               "15.5.1"},
    {"instruction/no_memory",            "a VMCB where nothing answers",                       "15.5.1"},
    {"instruction/resume_flag",          "RF of L1 is clear behind VMRUN",                     "15.5.1", "instructions/vmrun/single_step/tf_and_rf"},
    {"instruction/single_step",          "TF of L1: #DB behind VMRUN, after the #VMEXIT",      "15.5.1", "instructions/vmrun/single_step/tf_set instructions/vmrun/single_step/refused"},
    {"instruction/breakpoint",           "a breakpoint on VMRUN comes before it",              "15.5.1", "instructions/vmrun/breakpoint/*"},
    {"instruction/in_smm",               "VMRUN inside SMM",                                   "15.22"},
    {"instruction/memory_type",          "a VMCB that is not write-back",                      "15.5.1"},

    // What becomes of L1.
    {"host/state_restored",              "segments, control registers, RSP, RFLAGS and RIP are L1's again", "15.6", "fields/save_cr0/loaded fields/save_cr4/loaded fields/save_rsp/loaded fields/save_es_selector/loaded"},
    {"host/not_touched",                 "what VMLOAD moves is neither saved nor restored",    "15.5.1", "intrinsics/vmrun/minimum_state"},
    {"host/general_registers",           "other general registers are exchanged by software",  "15.5.1", "intrinsics/vmrun/keeps_registers"},
    {"host/dr6",                         "what DR6 holds after an exit",                       "15.6"},
    {"host/cr2",                         "CR2 of L2 stays behind",                             "15.6", "fields/save_cr2/loaded"},
    {"host/dr7",                         "no breakpoint is enabled after an exit",             "15.6", "fields/save_dr7/loaded intrinsics/vmrun/breakpoint_of_l2"},
    {"host/pe",                          "CR0.PE is set after an exit",                        "15.6", "consistency/mode_bits/entered/pg0_pe0*"},
    {"host/vm",                          "RFLAGS.VM is clear after an exit",                   "15.6", "intercept/cpuid/*/l2_v86/*"},
    {"host/cpl",                         "CPL is 0 after an exit",                             "15.6", "fields/save_cpl/stored_as_loaded fields/save_rax/loaded/*/cpl3/*"},
    {"host/interrupt_flag",              "IF is what it was at VMRUN",                         "15.6", "event/virtual_interrupt/if_set"},
    {"host/rax",                         "RAX is the address of the VMCB again",               "15.6", "fields/save_rax/loaded"},
    {"host/asid",                        "the ASID is 0 again",                                "15.6"},
    {"host/tsc_offset",                  "L1 reads its own time stamp",                        "15.6", "fields/control_tsc_offset/added"},
    {"host/intercepts",                  "L1 itself meets no intercept",                       "15.6", "instructions/vmrun/intercepts_in_l1"},
    {"host/segments_from_gdt",           "segments may be read from the GDT of L1",            "15.6"},
    {"host/pdptes",                      "a PAE L1 loads its PDPTEs again",                    "15.6"},
    {"host/rip_beyond",                  "RIP of L1 beyond its code segment: #GP",             "15.6", "instructions/vmrun/below_hole/*"},
    {"host/ldtr",                        "LDTR is L2's until VMLOAD",                          "15.6", "intrinsics/vmrun/minimum_state"},
    {"host/interrupt_shadow",            "L1 has no interrupt shadow after an exit",           "15.6"},
    {"host/vm_hsave_pa_address",         "VM_HSAVE_PA takes pages of memory only",             "15.30.4", "instructions/vm_hsave_pa/misaligned_* instructions/vm_hsave_pa/beyond_memory"},
    {"host/vm_hsave_pa_read",            "VM_HSAVE_PA reads back",                             "15.30.4", "instructions/vm_hsave_pa/read_back"},

    // Into L2.
    {"entry/gif",                        "VMRUN sets GIF",                                     "15.17", "event/physical_interrupt/*_intercepted1"},
    {"entry/checked_is_used",            "what another CPU writes meanwhile: refused, or not used", "15.5.1", "consistency/rewritten/*"},
    {"entry/cpl_real_mode",              "CPL is 0 in real mode, whatever the field says",     "15.5.1", "fields/save_cpl/forced/real_mode_3"},
    {"entry/cpl_v86",                    "CPL is 3 in virtual-8086 mode, whatever the field says", "15.5.1", "fields/save_cpl/forced/v86_0"},
    {"entry/cpl",                        "CPL is the field, not a DPL",                        "15.5.1", "fields/save_cpl/decides"},
    {"entry/cs_dpl",                     "CS.DPL agrees with CPL while L2 runs",               "15.5.1"},
    {"entry/rip_beyond_limit",           "RIP beyond the limit of CS is L2's #GP",             "15.5.1", "fields/save_cs_limit/used/rip_beyond"},
    {"entry/rip_not_canonical",          "RIP that is not canonical is L2's #GP",              "15.5.1", "fields/save_rip/not_canonical"},
    {"entry/single_step",                "TF: #DB behind the first instruction, none before",  "15.5.1", "intercept/exception_db/single_step"},
    {"entry/resume_flag",                "RF keeps a breakpoint on the first instruction quiet", "15.5.1", "instructions/vmrun/breakpoint_in_l2/*"},
    {"entry/interrupt_shadow",           "INTERRUPT_SHADOW holds a virtual interrupt for one instruction", "15.21.5", "event/virtual_interrupt/shadow"},
    {"entry/debug_registers",            "DR6 and DR7 are loaded",                             "15.5.1", "fields/save_dr6/loaded fields/save_dr7/loaded"},
    {"entry/breakpoint_addresses",       "DR0 to DR3 are L1's still",                          "15.5.1", "intercept/dr0_read/not_taken intercept/dr3_read/not_taken"},
    {"entry/cr2",                        "CR2 is loaded",                                      "15.5.1", "fields/save_cr2/loaded"},
    {"entry/no_flush",                   "control registers that VMRUN loads flush nothing",   "15.16"},
    {"entry/canonical_bases",            "bases are made canonical",                           "15.5.1", "intrinsics/vmload/canonical_bases"},
    {"entry/null_segment",               "P clear makes a null segment",                       "15.5.1", "fields/save_?s_attributes/used/not_present"},
    {"entry/lma",                        "LMA follows LME and PG",                             "15.5.1", "consistency/efer/lma_*"},
    {"entry/paged_real_mode",            "PG without PE is real mode with paging",             "15.19", "consistency/mode_bits/entered/pg1_pe0* intercept/cpuid/*/l2_paged_real/*"},
    {"entry/real_mode",                  "real mode runs",                                     "15.5.1", "intercept/cpuid/*/l2_real/*"},
    {"entry/state_of_vmload",            "what VMLOAD moves is what L1 left",                  "15.5.1", "fields/*/loaded_by_vmload intrinsics/vmrun/minimum_state"},

    // Out of L2.
    {"exit/gif",                         "GIF is clear after an exit",                         "15.17", "consistency/gif/after_exit"},
    {"exit/gif_after_refusal",           "and after a VMRUN that was refused",                 "15.17", "consistency/gif/after_refusal"},
    {"exit/mended_after_refusal",        "after a refusal the mended VMCB runs",               "15.5.1", "consistency/refusal/then_entry"},
    {"exit/state",                       "L2's state is stored",                               "15.6", "fields/*/stored"},
    {"exit/left_alone",                  "everything else keeps its value",                    "15.6", "fields/*/left_alone"},
    {"exit/rip_of_instruction",          "RIP is that of the intercepted instruction",         "15.7", "intercept/cpuid/taken"},
    {"exit/next_rip",                    "NEXT_RIP is the instruction behind",                 "15.7.1", "intercept/cpuid/taken intercept/msr_*/lstar/taken intercept/ioio/in_dx_b/taken intercept/exception_bp/taken intercept/exception_of/taken", Feature::nrips},
    {"exit/next_rip_zero",               "NEXT_RIP is 0 for any other exit",                   "15.7.1", "npt/leaf_4k/absent/read event/physical_nmi/intercepted*", Feature::nrips},
    {"exit/undefined_information",       "EXITINFO that is not defined holds anything",        "15.7"},
    {"exit/no_bytes",                    "the count of instruction bytes is 0 but for data faults", "15.8.4", "intercept/cpuid/taken", Feature::decode_assists},
    {"exit/resume_flag",                 "RF of an exit",                                      "15.6"},
    {"exit/trap",                        "a trap exits behind its instruction",                "15.7", "intercept/exception_db/breakpoint_read/taken intercept/cr0_write_trap/taken"},
    {"exit/paged_real_mode",             "PE and PG are stored as they were",                  "15.19", "consistency/mode_bits/entered/pg1_pe0*"},
    {"exit/shutdown",                    "after a shutdown the control area is valid",         "15.14.3", "intercept/shutdown/no_idt"},
    {"exit/write_combining",             "write-combining buffers are flushed",                "15.5.1"},

    // The global interrupt flag.
    {"gif/stgi",                         "STGI lets in what was held",                         "15.17", "intrinsics/clgi/holds_* intrinsics/stgi/admits_*"},
    {"gif/clgi",                         "CLGI holds off",                                     "15.17", "intrinsics/clgi/holds_*"},
    {"gif/reset",                        "GIF is set after reset",                             "15.17"},
    {"gif/interrupt",                    "interrupts wait while GIF is clear",                 "15.17", "intrinsics/clgi/holds_interrupt"},
    {"gif/nmi",                          "NMIs wait while GIF is clear",                       "15.17", "intrinsics/clgi/holds_nmi"},
    {"gif/init_and_smi",                 "INIT and SMI wait while GIF is clear",               "15.17", "event/physical_smi/intercepted* event/from_second_cpu/init/intercepted*"},
    {"gif/internal_smi",                 "an internal SMI is lost while GIF is clear",         "15.17"},
    {"gif/breakpoint",                   "a match of the debug registers is lost",             "15.17", "instructions/clgi/breakpoint/*"},
    {"gif/single_step",                  "a single step is taken",                             "15.17", "instructions/clgi/single_step/*"},
    {"gif/machine_check",                "a machine check waits or shuts down",                "15.17", "event/machine_check/gif_clear"},
    {"gif/svme_cleared",                 "EFER.SVME is cleared while GIF is clear",            "15.17"},
    {"gif/pending_at_vmrun",             "what was held is taken as VMRUN sets GIF",           "15.17", "event/physical_interrupt/*_intercepted1"},
    {"gif/no_shadow_of_stgi",            "STGI makes no interrupt shadow",                     "15.17"},
    {"vgif/l2_changes_it",               "STGI and CLGI of L2 change VGIF",                    "15.33.2", "intercept/stgi/vgif/not_taken intercept/clgi/vgif/not_taken", Feature::vgif},
    {"vgif/holds",                       "a clear VGIF holds a virtual interrupt off",         "15.33.2", "event/virtual_interrupt/vgif_clear event/virtual_interrupt/vgif_set", Feature::vgif},
    {"vgif/intercepted",                 "an intercepted STGI or CLGI exits all the same",     "15.33.2", "intercept/stgi/vgif/taken intercept/clgi/vgif/taken", Feature::vgif},
    {"vgif/disabled",                    "without it STGI and CLGI of L2 act on GIF",          "15.17"},
    {"vgif/bit_without_enable",          "VGIF without V_GIF_ENABLE means nothing",            "15.33.2", "event/virtual_interrupt/vgif_without_enable"},

    // Virtual interrupts.
    {"virq/taken",                       "priority above V_TPR, IF set, no shadow: taken",     "15.21.4", "event/virtual_interrupt/if_set event/virtual_interrupt/if_clear event/virtual_interrupt/vector_*"},
    {"virq/equal_priority",              "priority equal to V_TPR: held",                      "15.21.4", "event/virtual_interrupt/priority_5_tpr_5 intercept/vintr/at_tpr"},
    {"virq/ignores_tpr",                 "V_IGN_TPR: not compared",                            "15.21.4", "event/virtual_interrupt/priority_*_ignored intercept/vintr/ignores_tpr"},
    {"virq/cleared",                     "V_IRQ is clear once it is taken",                    "15.21.4", "event/virtual_interrupt/if_set"},
    {"virq/pending",                     "V_IRQ is still set at an exit before",               "15.21.4", "event/virtual_interrupt/if_clear event/virtual_interrupt/exit_in_shadow"},
    {"virq/vintr",                       "VINTR exits just before it would be taken",          "15.21.4", "event/virtual_interrupt/vintr event/virtual_interrupt/vintr_if_clear event/virtual_interrupt/vintr_tpr"},
    {"virq/behind_physical",             "an interrupt of the machine is first",               "15.21.4", "event/physical_interrupt/before_virtual"},
    {"virq/not_in_l1",                   "what L2 did not take is nothing to L1",              "15.21.4", "event/virtual_interrupt/not_in_l1"},
    {"virq/lowered_tpr",                 "it comes as L2 lowers V_TPR",                        "15.21.2", "event/virtual_interrupt/tpr_lowered"},
    {"vtpr/write_physical",              "without V_INTR_MASKING MOV CR8 writes the APIC's TPR too", "15.21.2", "intercept/cr8_write/not_taken"},
    {"vtpr/write_virtual",               "with it MOV CR8 writes V_TPR alone",                 "15.21.2", "intercept/cr8_write/physical_tpr_kept intercept/cr8_write/v_intr_masking/not_taken"},
    {"vtpr/read_virtual",                "with it MOV CR8 reads V_TPR",                        "15.21.2", "intercept/cr8_read/v_intr_masking/not_taken"},
    {"vtpr/read_physical",               "without it MOV CR8 reads the APIC's TPR",            "15.21.2", "intercept/cr8_read/not_taken"},
    {"vtpr/memory",                      "TPR in memory is the APIC's own",                    "15.21.2", "fields/control_virtual_interrupt/memory_tpr/* instructions/task_priority/in_memory/*"},
    {"vtpr/stored",                      "V_TPR is stored",                                    "15.21.2", "intercept/cr8_write/v_intr_masking/not_taken"},
    {"masking/host_flag",                "V_INTR_MASKING: IF of L1 counts",                    "15.21.1", "event/physical_interrupt/masking1*"},
    {"masking/guest_flag",               "without it: IF of L2 counts",                        "15.21.1", "event/physical_interrupt/masking0*"},
    {"masking/not_intercepted",          "with it and no intercept L2's handler gets it",      "15.21.1", "event/physical_interrupt/masking1_host_if1*_intercepted0"},

    // Interrupts of the machine.
    {"interrupt/exit",                   "an intercepted interrupt exits and still pends",     "15.13.1", "event/physical_interrupt/*_intercepted1 intercept/intr/taken"},
    {"interrupt/nmi",                    "an intercepted NMI exits and still pends",           "15.13.2", "event/physical_nmi/intercepted* intercept/nmi/taken"},
    {"interrupt/nmi_not_intercepted",    "another NMI is L2's",                                "15.13.2", "event/physical_nmi/not_intercepted* intercept/nmi/not_taken"},
    {"interrupt/smi",                    "an intercepted SMI exits and still pends",           "15.13.3", "event/physical_smi/intercepted*"},
    {"interrupt/init",                   "an intercepted INIT exits and still pends",          "15.13.4", "event/from_second_cpu/init/intercepted*"},
    {"interrupt/init_redirected",        "VM_CR.R_INIT turns an INIT into #SX",                "15.28"},
    {"interrupt/wakes_hlt",              "an intercepted event in HLT: RIP is behind HLT",     "15.13", "event/wakes_hlt/*"},
    {"interrupt/low_vector",             "vectors below 32 meet no exception intercept",       "15.12", "event/not_intercepted/interrupt_6"},
    {"vnmi/injected",                    "V_NMI is taken and sets V_NMI_MASK",                 "15.21.10", "event/virtual_nmi/taken", Feature::vnmi},
    {"vnmi/iret",                        "IRET clears V_NMI_MASK",                             "15.21.10", "event/virtual_nmi/iret event/virtual_nmi/iret_pending", Feature::vnmi},
    {"vnmi/masked",                      "V_NMI waits while V_NMI_MASK is set",                "15.21.10", "event/virtual_nmi/masked", Feature::vnmi},
    {"vnmi/shadow_and_vgif",             "V_NMI waits in a shadow and for VGIF",               "15.21.10", "event/virtual_nmi/shadow event/virtual_nmi/vgif_clear", Feature::vnmi},
    {"vnmi/physical",                    "the intercept of NMI is about the machine's",        "15.21.10", "event/virtual_nmi/taken event/physical_nmi/virtual_enabled", Feature::vnmi},
    {"vnmi/injected_by_eventinj",        "an NMI of EVENTINJ sets V_NMI_MASK",                 "15.21.10", "event/virtual_nmi/injected", Feature::vnmi},
    {"vnmi/exit_during_delivery",        "an exit during its delivery leaves V_NMI_MASK clear", "15.21.10", "event/virtual_nmi/cut_short", Feature::vnmi},

    // VMLOAD, VMSAVE, VMMCALL, INVLPGA, SKINIT.
    {"vmload/loads",                     "VMLOAD loads all that it should",                    "15.5.2", "intrinsics/vmload/loads fields/*/loaded_by_vmload"},
    {"vmload/nothing_else",              "and nothing else",                                   "15.5.2", "intrinsics/vmload/leaves_the_rest"},
    {"vmsave/stores",                    "VMSAVE stores that and nothing else",                "15.5.2", "intrinsics/vmsave/stores"},
    {"vmload/virtualised",               "virtualised, the address is L2's",                   "15.33.1", "instructions/virtual_vmload/translated instructions/virtual_vmsave/translated instructions/virtual_vmload/absent instructions/virtual_vmsave/*", Feature::vmsave_virt},
    {"vmload/cannot_be_virtualised",     "enabled where it cannot be: it exits",               "15.33.1", "instructions/virtual_vmload/cannot_be instructions/virtual_vmsave/cannot_be", Feature::vmsave_virt},
    {"vmload/in_l2",                     "neither intercepted nor virtualised: the address is physical", "15.5.2", "intercept/vmload/not_taken intercept/vmsave/not_taken"},
    {"vmload/intercepted",               "intercepted: it exits",                              "15.9", "intercept/vmload/taken intercept/vmsave/taken"},
    {"vmload/physical_address",          "the address is physical",                            "15.5.2", "intrinsics/vmload/physical_address"},
    {"vmrun/physical_address",           "that of VMRUN too",                                  "15.5.1", "intrinsics/vmrun/physical_address"},
    {"vmmcall/intercepted",              "VMMCALL exits at any CPL in any mode",               "15.9", "intercept/vmmcall/taken"},
    {"vmmcall/not_intercepted",          "without its intercept VMMCALL is #UD",               "15.9", "intercept/vmmcall/not_taken"},
    {"vmmcall/in_l1",                    "VMMCALL in L1 is #UD",                               "15.9"},
    {"invlpga/drops",                    "INVLPGA drops a translation",                        "15.16", "intrinsics/invlpga/drops_translation"},
    {"invlpga/any_asid",                 "any ASID and any address are allowed",               "15.16", "intrinsics/invlpga/asid_*"},
    {"skinit/intercepted",               "SKINIT exits",                                       "15.27", "intercept/skinit/taken"},
    {"skinit/state",                     "what SKINIT makes of the processor",                 "15.27", "", Feature::skinit},

    // Branch records, time stamps, PAUSE, translations, clean bits.
    {"lbr/shared",                       "without LBR virtualization the records are shared",  "15.23", "fields/last_branch/shared*", Feature::lbrv},
    {"lbr/own",                          "with it L2 has its own",                             "15.23", "fields/last_branch/own*", Feature::lbrv},
    {"lbr/reserved_bits",                "reserved bits of DBGCTL",                            "15.23", "", Feature::lbrv},
    {"tsc/offset",                       "TSC_OFFSET is added to each way to read it",         "15.30.5", "fields/control_tsc_offset/added"},
    {"tsc/ratio",                        "the ratio multiplies what L2 reads",                 "15.30.5", "instructions/tsc_ratio/scales/*", Feature::tsc_rate_msr},
    {"tsc/ratio_reserved",               "reserved bits of the ratio are #GP",                 "15.30.5", "instructions/tsc_ratio/reserved_bits", Feature::tsc_rate_msr},
    {"tsc/ratio_in_l1",                  "L1 reads unscaled",                                  "15.30.5", "instructions/tsc_ratio/scales/*", Feature::tsc_rate_msr},
    {"tsc/written_by_l2",                "L2 writes TSC",                                      "15.30.5", "instructions/tsc/written_by_l2"},
    {"pause/count",                      "the PAUSE behind the count exits",                   "15.14.4", "intercept/pause/filter/taken", Feature::pause_filter},
    {"pause/not_used_up",                "none exits within the count",                        "15.14.4", "intercept/pause/filter_not_used_up", Feature::pause_filter},
    {"pause/count_0",                    "count 0: the first one exits",                       "15.14.4", "intercept/pause/taken"},
    {"pause/threshold",                  "a gap beyond the threshold starts the count again",  "15.14.4", "intercept/pause/threshold_*", Feature::pause_filter_threshold},
    {"pause/field_kept",                 "the count in the VMCB is not changed",               "15.14.4", "intercept/pause/filter/taken", Feature::pause_filter},
    {"pause/no_filter",                  "without the filter each PAUSE exits",                "15.14.4", "intercept/pause/taken"},
    {"pause/not_intercepted",            "without the intercept none does",                    "15.14.4", "intercept/pause/not_taken intercept/pause/filter/not_taken"},
    {"tlb/0",                            "TLB_CONTROL 0 flushes nothing",                      "15.16", "caching/tlb_control/0"},
    {"tlb/1",                            "TLB_CONTROL 1 flushes everything",                   "15.16", "npt/changed/*_flush_all caching/tlb_control/1"},
    {"tlb/3",                            "TLB_CONTROL 3 flushes this ASID",                    "15.16", "npt/changed/*_flush_asid caching/tlb_control/3", Feature::flush_by_asid},
    {"tlb/7",                            "TLB_CONTROL 7 flushes this ASID but for global entries", "15.16", "caching/tlb_control/7", Feature::flush_by_asid},
    {"tlb/field_kept",                   "the field keeps its value",                          "15.16", "caching/tlb_control"},
    {"tlb/asid",                         "another ASID has other translations",                "15.16", "npt/changed/*_other_asid caching/asid"},
    {"tlb/cr3_of_l2",                    "MOV CR3 of L2 is about its own ASID",                "15.16"},
    {"clean/clear",                      "a clean bit that is clear: the group is read again", "15.15", "caching/clean_clear"},
    {"clean/set_after_no_change",        "one that is set after no change is harmless",        "15.15", "caching/clean_set"},
    {"clean/set_after_change",           "one that is set after a change",                     "15.15"},
    {"clean/moved_vmcb",                 "a VMCB at another address has no clean group",       "15.15", "caching/moved_vmcb"},
    {"clean/never_kept",                 "fields that no clean bit covers are always read",    "15.15", "caching/no_group"},

    // Permission maps.
    {"iopm/bits",                        "each byte of an access has its bit",                 "15.10.1", "intercept/ioio/map"},
    {"iopm/third_page",                  "an access at the last port reads the third page",    "15.10.1", "intercept/ioio/map/*_in_third_page"},
    {"iopm/not_intercepted",             "without IOIO_PROT no port exits",                    "15.10", "intercept/ioio/in_dx_b/not_taken"},
    {"ioio/privilege_first",             "#GP of IOPL and the TSS comes first",                "15.10", "intercept/ioio/tss_closed intercept/ioio/iopl_*/order_gp"},
    {"ioio/memory_later",                "the memory of INS and OUTS comes later",             "15.10", "intercept/ioio/ins_b_unmapped/taken intercept/ioio/outs_b_unmapped/taken"},
    {"ioio/next_rip",                    "EXITINFO2 is the next instruction",                  "15.10.2", "intercept/ioio/in_dx_b/taken intercept/ioio/rep_outs_b/taken"},
    {"ioio/segment",                     "EXITINFO1 has the segment of OUTS",                  "15.10.2", "intercept/ioio/outs_?s_b/taken", Feature::decode_assists},
    {"ioio/address_size",                "and one bit for the address size",                   "15.10.2", "intercept/ioio/ins_b/taken intercept/ioio/outs_b/taken"},
    {"ioio/repeated",                    "and one for REP",                                    "15.10.2", "intercept/ioio/rep_ins_b/taken intercept/ioio/in_with_rep_prefix/taken"},
    {"msrpm/bits",                       "two bits for each MSR of three ranges",              "15.11", "intercept/msr_*/every_msr intercept/msr_*/range_end"},
    {"msrpm/outside",                    "an MSR of no range exits",                           "15.11", "intercept/msr_*/outside"},
    {"msrpm/reserved",                   "the last quarter of the map is not used",            "15.11", "intercept/msr_read/*_reserved_part_closed"},
    {"msrpm/privilege_first",            "#GP of CPL 3 comes first",                           "15.11", "intercept/msr_*/lstar/order_cpl"},
    {"msrpm/gp_later",                   "#GP of an MSR that does not exist comes later",      "15.11", "intercept/msr_*/unimplemented/taken intercept/msr_write/bad_value/taken"},
    {"msrpm/x2apic",                     "MSRs of x2APIC are MSRs like others",                "15.11", "intercept/msr_*/every_msr/00000000", Feature::x2apic},

    // Single intercepts.
    {"sel_cr0/ts_mp",                    "TS and MP alone do not exit",                        "15.8.1", "intercept/cr0_sel_write/change_ts intercept/cr0_sel_write/change_mp intercept/cr0_sel_write/change_ts_mp"},
    {"sel_cr0/others",                   "any other bit exits",                                "15.8.1", "intercept/cr0_sel_write/change_*/taken"},
    {"sel_cr0/same_value",               "MOV of the same value does not",                     "15.8.1", "intercept/cr0_sel_write/same_value"},
    {"sel_cr0/lmsw",                     "LMSW does whatever it changes",                      "15.8.1", "intercept/cr0_sel_write/lmsw_*/taken"},
    {"sel_cr0/clts",                     "CLTS does not",                                      "15.8.1", "intercept/cr0_sel_write/clts"},
    {"sel_cr0/both",                     "with both intercepts it is CR0_WRITE",               "15.8.1", "intercept/cr0_write/and_selective"},
    {"task_switch/exit",                 "a task switch exits before it is done",              "15.14.1", "intercept/task_switch/far_jump/taken"},
    {"task_switch/bad_tss",              "a TSS that cannot be comes first",                   "15.14.1", "intercept/task_switch/absent intercept/task_switch/busy"},
    {"shutdown/intercepted",             "a triple fault exits",                               "15.14.3", "intercept/shutdown"},
    {"shutdown/not_intercepted",         "without the intercept it ends the machine",          "15.14.3"},
    {"exception/df",                     "an intercepted #DF exits",                           "15.12", "intercept/exception_df/*/taken"},
    {"exception/second",                 "the second exception exits before it merges",        "15.12", "intercept/exception_np/gate_of_gp_df_too"},
    {"exception/pf_cr2",                 "an intercepted #PF leaves CR2 alone",                "15.12.15", "intercept/exception_pf/read_absent/taken event/cut_short/pf"},
    {"exception/db_registers",           "an intercepted #DB has updated DR6 and DR7",         "15.12.2", "intercept/exception_db/*/taken"},
    {"exception/int3",                   "INT3 exits at its own address",                      "15.12.4", "intercept/exception_bp/taken"},
    {"exception/into",                   "INTO exits where OF is set",                         "15.12.5", "intercept/exception_of/taken intercept/exception_of/of_clear"},
    {"exception/int1",                   "INT1 does not meet the intercept of #DB",            "15.12.2", "intercept/exception_db/icebp"},
    {"exception/int_n",                  "INT n meets no intercept of an exception",           "15.12", "intercept/exception_*/int_n intercept/exception_bp/cd_03"},
    {"ferr_freeze",                      "a frozen x87 error exits",                           "15.14.2", "intercept/ferr_freeze/taken*"},
    {"rsm/outside_smm",                  "RSM outside SMM: exit, or #UD",                      "15.9", "intercept/rsm"},
    {"xsetbv/cpl",                       "XSETBV at CPL 3 exits",                              "15.9", "intercept/xsetbv/taken/*/cpl3/*", Feature::xsave},
    {"monitor/extension",                "MONITOR with an ECX it does not know: #GP first",    "15.9", "intercept/monitor/bad_extension", Feature::monitor},
    {"monitor/unmapped",                 "MONITOR of no memory: #PF first",                    "15.9", "intercept/monitor/unmapped", Feature::monitor},
    {"mwait/conditional",                "MWAIT with an armed monitor has its own intercept",  "15.9", "intercept/mwait_cond/taken", Feature::monitor},
    {"invd/cpl",                         "INVD and WBINVD at CPL 3: #GP first",                "15.9", "intercept/invd/order_cpl intercept/wbinvd/order_cpl"},
    {"rdtscp/own_bit",                   "RDTSCP has a bit of its own",                        "15.9", "intercept/rdtscp/taken", Feature::rdtscp},
    {"rdpmc/bad_index",                  "RDPMC of no counter: #GP first",                     "15.9", "intercept/rdpmc/bad_index"},
    {"hlt/idle",                         "IDLE_HLT with a virtual interrupt pending does not exit", "15.9", "intercept/idle_hlt/interrupt_pending", Feature::idle_hlt_intercept},
    {"buslock/count",                    "bus locks within the count pass",                    "15.14.5", "intercept/buslock/below_threshold intercept/buslock/taken", Feature::bus_lock_threshold},
    {"cpuid/not_intercepted",            "CPUID without its intercept is the platform's",      "15.9", "intercept/cpuid/not_taken"},
    {"cr8/lock_mov_cr0",                 "LOCK MOV CR0 is an access to CR8",                   "15.8.1", "intercept/cr8_*/lock_mov_cr0", Feature::alt_mov_cr8},
    {"dr/general_detect",                "DR7.GD: #DB first",                                  "15.8.2", "intercept/dr*/dr7_gd"},
    {"cr/illegal_value",                 "MOV of an illegal value: #GP first",                 "15.8.1", "intercept/cr0_write/gp_* intercept/cr3_write/gp_* intercept/cr4_write/gp_*"},
    {"cr/bad_pdpte",                     "MOV CR3 to bad PDPTEs: exit first",                  "15.8.1", "intercept/cr3_write/bad_pdpte"},
    {"descriptor_table/unmapped",        "LGDT from no memory: exit first",                    "15.9", "intercept/gdtr_write/unmapped"},
    {"descriptor_table/umip",            "SGDT at CPL 3 with CR4.UMIP: #GP first",             "15.9", "intercept/gdtr_read/umip", Feature::umip},
    {"int_n/gate_dpl",                   "INT n through a closed gate: exit first",            "15.9", "intercept/int_n/gate_dpl intercept/int_n/*dpl*"},
    {"iret/faulting",                    "IRET that would fault: exit first",                  "15.9", "intercept/iret/bad_stack/taken intercept/iret/absent_code/taken"},
    {"pushf/v86",                        "PUSHF and POPF with IOPL below 3 in virtual-8086 mode: exit first", "15.9", "intercept/pushf/iopl_*/taken intercept/popf/iopl_*/taken"},

    // MSRs and CPUID.
    {"msr/vm_cr_reserved",               "reserved bits of VM_CR are #GP",                     "15.30.1", "instructions/vm_cr/reserved_bits"},
    {"msr/vm_cr_disable",                "SVMDIS cannot be set while SVME is",                 "15.30.1", "instructions/vm_cr/disable_while_enabled"},
    {"msr/vm_cr_lock",                   "LOCK keeps LOCK and SVMDIS",                         "15.30.1", "instructions/svm_lock/keeps", Feature::svm_lock},
    {"msr/svme_while_disabled",          "SVME cannot be set while SVMDIS is",                 "15.4", "instructions/vm_cr/svme_while_disabled"},
    {"msr/svme_without_svm",             "SVME on a CPU without SVM",                          "15.4"},
    {"msr/svm_key",                      "SVM_KEY unlocks",                                    "15.31", "instructions/svm_key/unlocks", Feature::svm_lock},
    {"msr/ignne",                        "IGNNE",                                              "15.30.2", "instructions/ignne/bits"},
    {"msr/smm_ctl",                      "SMM_CTL",                                            "15.30.3"},
    {"msr/without_svme",                 "these MSRs are there without EFER.SVME",             "15.30", "instructions/vm_cr/without_svme"},
    {"msr/smm_key",                      "the key of SMM",                                     "15.32"},
    {"msr/doorbell",                     "AVIC's doorbell can be written only",                "15.29", "", Feature::avic},
    {"msr/svme_cleared_by_l2",           "L2 clears its EFER.SVME",                            "15.4"},
    {"cpuid/asids",                      "how many ASIDs there are",                           "15.30"},
    {"cpuid/svm",                        "SVM is announced",                                   "15.4"},
    {"cpuid/revision",                   "its revision",                                       "15.4", "instructions/cpuid/svm_revision"},

    // Modes and the rest.
    {"smm/not_intercepted",              "an SMI in L2 without the intercept",                 "15.22", "event/physical_smi/not_intercepted*"},
    {"mode/real",                        "L2 in real mode",                                    "15.19", "intercept/cpuid/*/l2_real/*"},
    {"mode/v86",                         "L2 in virtual-8086 mode",                            "15.19", "intercept/cpuid/*/l2_v86/*"},
    {"mode/pae_and_legacy",              "32-bit L2 of a 64-bit L1",                           "15.5.1", "intercept/cpuid/*/l2_pae/* intercept/cpuid/*/l2_prot32/*"},
    {"mode/l1_of_32_bits",               "L1 in 32-bit mode",                                  "15.5.1"},
    {"mode/long_l2_of_32_bit_l1",        "L2 in long mode, whatever L1 is in",                 "15.5.1", "intercept/cpuid/*/l2_long64/*/l1_pae intercept/cpuid/*/l2_compat/*/l1_legacy"},
    {"eraps",                            "controls of the return address predictor",           "15.39", "", Feature::eraps},
    {"spec_ctrl",                        "L2's own SPEC_CTRL",                                 "15.37", "fields/save_spec_ctrl/*", Feature::spec_ctrl},
};
// clang-format on

void covered_by(const Case& one, const CoveredSink& covered) {
    covered_by_rows("rule", items, one, covered);
    if (one.start.l1 != L1Mode::long64) {
        covered("rule/instruction/l1_of_32_bits");
        covered("rule/mode/l1_of_32_bits");
    }
    // L1 goes on only if its PDPTEs are back in place of L2's.
    if (one.start.l1 == L1Mode::pae && one.start.mode == L2Mode::pae) {
        covered("rule/host/pdptes");
    }
}

CoverageFamily rules() {
    CoverageFamily family{"rule", "Rules of SVM", {}, covered_by};
    add_items(family, items);
    return family;
}

const FamilyRegistration registration{rules};

} // namespace
} // namespace vmrunit::cases
