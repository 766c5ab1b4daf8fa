// SPDX-License-Identifier: GPL-2.0-only
// What L1 gets back at #VMEXIT, where it is not what every other case leaves L1 with: each bit of
// its control registers and EFER the other way round, flags, stacks, descriptor tables and segments
// of other values, under each kind of paging L1 can have. L2 has its own of all of these. APM2
// 15.5.1, 15.6.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

using svm::Feature;
namespace cr0 = svm::cr0;
namespace cr4 = svm::cr4;
namespace efer = svm::efer;

constexpr std::string_view manual = "APM2 15.6";

// L1 as the guest library sets it up (l1_baseline.hpp).
constexpr std::uint64_t l1_cr0 = cr0::pe | cr0::mp | cr0::et | cr0::ne | cr0::wp | cr0::pg;

constexpr std::uint64_t l1_cr4(L1Mode l1) {
    return (l1 == L1Mode::legacy ? cr4::pse : cr4::pae) | cr4::osfxsr | cr4::osxmmexcpt;
}

constexpr std::uint64_t l1_efer(L1Mode l1) {
    return efer::svme | efer::nxe | (l1 == L1Mode::long64 ? efer::lme | efer::lma : 0);
}

/// Bits that L1 may have the other way round.
struct Bits {
    std::string_view name;
    std::uint64_t flipped;
    svm::Features needs{};
    L1Modes l1_modes{};
};

// clang-format off
constexpr Bits of_cr0[] = {
    {"mp", cr0::mp}, {"em", cr0::em}, {"ts", cr0::ts}, {"ne", cr0::ne}, {"wp", cr0::wp},
    {"am", cr0::am}, {"cd", cr0::cd}, {"cd_nw", cr0::cd | cr0::nw},
    {"all", cr0::mp | cr0::em | cr0::ts | cr0::ne | cr0::wp | cr0::am | cr0::cd | cr0::nw},
};
constexpr L1Modes with_pae{true, true, false};
constexpr Bits of_cr4[] = {
    {"vme",        cr4::vme, Feature::vme},
    {"pvi",        cr4::pvi, Feature::vme},
    {"tsd",        cr4::tsd, Feature::tsc},
    {"de",         cr4::de, Feature::de},
    {"pse",        cr4::pse, Feature::pse, with_pae}, // Two levels of tables want it set.
    {"mce",        cr4::mce},
    {"pge",        cr4::pge, Feature::pge},
    {"pce",        cr4::pce},
    {"osfxsr",     cr4::osfxsr},
    {"osxmmexcpt", cr4::osxmmexcpt},
    {"umip",       cr4::umip, Feature::umip},
    {"fsgsbase",   cr4::fsgsbase, Feature::fsgsbase},
    {"pcide",      cr4::pcide, Feature::pcid, only_l1_long64},
    {"smep",       cr4::smep, Feature::smep},
    {"smap",       cr4::smap, Feature::smap},
    {"pke",        cr4::pke, Feature::pku},
    {"cet",        cr4::cet, Feature::cet_ss}, // S_CET is clear, so L1 has no shadow stack.
    {"many",       cr4::tsd | cr4::mce | cr4::pce | cr4::osfxsr | cr4::osxmmexcpt},
};
// TCE is not among them: Bochs has its bit of CPUID, and #GP for the one of EFER.
constexpr Bits of_efer[] = {
    {"sce",     efer::sce, Feature::syscall},
    {"nxe",     efer::nxe, Feature::nx},
    {"ffxsr",   efer::ffxsr, Feature::ffxsr},
    {"mcommit", efer::mcommit, Feature::mcommit},
    {"intwb",   efer::intwb, Feature::int_wbinvd},
    {"uaie",    efer::uaie, Feature::upper_address_ignore, only_l1_long64},
    {"aibrse",  efer::aibrse, Feature::automatic_ibrs},
};
// clang-format on

/// L2 in a mode near to L1's and far from it.
constexpr L2Mode l2_modes[] = {L2Mode::long64, L2Mode::pae, L2Mode::prot32, L2Mode::real};

/// The payload compares L1's registers behind each #VMEXIT with what they were before it, so the
/// expectation of these cases is that nothing is found.
template<class WriteOf>
void control_register(Catalogue& catalogue, const std::string& name, const Bits& bits,
                      WriteOf&& write_of,
                      const std::source_location& where = std::source_location::current()) {
    each_l1_mode(bits.l1_modes, [&](L1Mode l1) {
        for (const L2Mode mode : l2_modes) {
            for (const bool nested_paging : {true, false}) {
                ExitExpectation exit = program_ends();
                exit.rip = at_marker;
                add_guest_case(catalogue,
                               {.name = "host_state/" + name + "/" + std::string{bits.name},
                                .title = "#VMEXIT brings back a bit that L2 has the other way.",
                                .manual = manual,
                                .needs = bits.needs,
                                .program = "pause",
                                .steps = {write_of(l1, bits.flipped)},
                                .exit = std::move(exit),
                                .covers = {"rule/host/state_restored"},
                                .l1_modes = only(l1)},
                               {mode, 0, nested_paging, l1}, where);
            }
        }
    });
}

void control_registers(Catalogue& catalogue) {
    using wire::L1Register;
    for (const Bits& bits : of_cr0) {
        control_register(catalogue, "cr0", bits, [](L1Mode, std::uint64_t flipped) {
            return L1Write{L1Register::cr0, 0, l1_cr0 ^ flipped};
        });
    }
    for (const Bits& bits : of_cr4) {
        control_register(catalogue, "cr4", bits, [](L1Mode l1, std::uint64_t flipped) {
            return L1Write{L1Register::cr4, 0, l1_cr4(l1) ^ flipped};
        });
    }
    for (const Bits& bits : of_efer) {
        control_register(catalogue, "efer", bits, [](L1Mode l1, std::uint64_t flipped) {
            return L1Write{L1Register::msr, svm::msr::efer, l1_efer(l1) ^ flipped};
        });
    }
}

// As vmrun_with_host_state reads its argument.
enum Other : std::uint32_t { nothing, flags, stack, root, cr3_bits, gdtr, idtr, selectors };

CallExpectation everything_is_back() {
    CallExpectation expected;
    expected.values = {reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
                       reported("L1 has had what it was to have", 1)};
    for (const char* const part :
         {"RAX, from the address of the VMCB", "RSP", "RFLAGS", "CR0", "CR3", "CR4", "EFER", "CS",
          "SS", "DS", "ES", "GDTR base", "GDTR limit", "IDTR base", "IDTR limit"}) {
        expected.values.push_back(reported(std::string{part} + " differs by", 0));
    }
    return expected;
}

void other_value(Catalogue& catalogue, const std::string& name, std::uint32_t kind,
                 std::uint32_t value, const L1Modes& l1_modes = all_l1_modes,
                 const std::source_location& where = std::source_location::current()) {
    for (const bool nested_paging : {true, false}) {
        add_l1_case(catalogue,
                    {.name = "host_state/" + name,
                     .title = "#VMEXIT brings back what L1 had at VMRUN.",
                     .manual = manual,
                     .nested_paging = nested_paging,
                     .l1_modes = l1_modes,
                     .steps = {vmcb_field(svm::field::rip, at_start),
                               Call{"vmrun_with_host_state", kind | value << 8}},
                     .expectations = {everything_is_back()},
                     .named_by_paging = true,
                     .covers = {"rule/host/state_restored"}},
                    where);
    }
}

void registers(Catalogue& catalogue) {
    namespace rflags = svm::rflags;
    other_value(catalogue, "as_ever", nothing, 0);
    struct Flag {
        std::string_view name;
        std::uint64_t bit;
    };
    // TF has cases of its own; RF and VM L1 cannot have behind a VMRUN.
    constexpr std::uint64_t arithmetic =
        rflags::cf | rflags::pf | rflags::af | rflags::zf | rflags::sf | rflags::of;
    for (const Flag& flag :
         {Flag{"cf", rflags::cf}, Flag{"pf", rflags::pf}, Flag{"af", rflags::af},
          Flag{"zf", rflags::zf}, Flag{"sf", rflags::sf}, Flag{"if", rflags::if_},
          Flag{"df", rflags::df}, Flag{"of", rflags::of}, Flag{"iopl_1", rflags::iopl & 0x1000},
          Flag{"iopl_2", rflags::iopl & 0x2000}, Flag{"nt", rflags::nt}, Flag{"ac", rflags::ac},
          Flag{"id", rflags::id},
          Flag{"all", arithmetic | rflags::if_ | rflags::df | rflags::iopl | rflags::nt |
                          rflags::ac | rflags::id}}) {
        other_value(catalogue, "rflags/" + std::string{flag.name}, flags,
                    static_cast<std::uint32_t>(flag.bit));
    }
    // Nothing is on that stack: an exit pushes nothing.
    std::uint32_t number = 0;
    for (const char* const name : {"odd", "zero", "ones", "sign_of_32_bits"}) {
        other_value(catalogue, "rsp/" + std::string{name}, stack, number++);
    }
    other_value(catalogue, "rsp/not_canonical", stack, 4, only_l1_long64);
    other_value(catalogue, "rsp/above_32_bits", stack, 5, only_l1_long64);
    other_value(catalogue, "cr3/other_tables", root, 0);
    other_value(catalogue, "cr3/pwt", cr3_bits, static_cast<std::uint32_t>(svm::cr3::pwt));
    other_value(catalogue, "cr3/pcd", cr3_bits, static_cast<std::uint32_t>(svm::cr3::pcd));
    other_value(catalogue, "cr3/pwt_pcd", cr3_bits,
                static_cast<std::uint32_t>(svm::cr3::pwt | svm::cr3::pcd));
    // The number is the limit, less the least that L1 needs of the table.
    other_value(catalogue, "gdtr/other_base", gdtr, 0);
    other_value(catalogue, "gdtr/one_more", gdtr, 1);
    other_value(catalogue, "gdtr/full", gdtr, 0xffff);
    other_value(catalogue, "idtr/other_base", idtr, 0x7ff);
    other_value(catalogue, "idtr/limit_0", idtr, 0);
    other_value(catalogue, "idtr/full", idtr, 0xffff);
    // Selectors of DS, ES and SS as numbers of the routine.
    other_value(catalogue, "es/null", selectors, 0);
    other_value(catalogue, "es/null_rpl_3", selectors, 1);
    other_value(catalogue, "es_ds/user_data", selectors, 2);
    other_value(catalogue, "es_ds_ss/null", selectors, 3, only_l1_long64);
}

/// The parts of L1's segments that a selector does not show; in a 64-bit L1 they mean nothing.
void segments(Catalogue& catalogue) {
    constexpr std::uint32_t last_byte = 0xf;
    constexpr std::uint32_t write = 0x100;
    struct Row {
        std::string name;
        std::string_view title;
        std::uint32_t access;
        bool faults;
    };
    for (const Row& row :
         {Row{"base", "ES is L1's again with its base.", 0, false},
          Row{"last_byte", "ES is L1's again with its limit.", last_byte, false},
          Row{"beyond_limit", "ES is L1's again with its limit.", last_byte + 1, true},
          Row{"read_only", "ES is L1's again with its type.", write, true}}) {
        constexpr std::uint64_t general_protection = 13 + 1;
        CallExpectation expected;
        expected.values = {
            reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
            reported("ES differs by", 0),
            reported("fault of the access: vector + 1", row.faults ? general_protection : 0),
            reported("the byte differs by", 0)};
        expected.values.back().mask = row.faults ? 0 : ~std::uint64_t{0};
        for (const bool nested_paging : {true, false}) {
            add_l1_case(catalogue, {.name = "host_state/es/" + row.name,
                                    .title = row.title,
                                    .manual = manual,
                                    .nested_paging = nested_paging,
                                    .l1_modes = L1Modes{false, true, true},
                                    .steps = {vmcb_field(svm::field::rip, at_start),
                                              Call{"vmrun_with_own_segment", row.access}},
                                    .expectations = {expected},
                                    .named_by_paging = true,
                                    .covers = {"rule/host/state_restored"}});
        }
    }
}

/// 32-bit code of a 64-bit L1 gets its 32-bit code segment back.
void compatibility_mode(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
                       reported("EAX behind one DEC of one byte, from the address of the VMCB", 1),
                       reported("CS differs by", 0), reported("EFER.LMA and CR0.PG differ by", 0)};
    for (const bool nested_paging : {true, false}) {
        add_l1_case(catalogue, {.name = "host_state/cs/compatibility_mode",
                                .title = "Behind the #VMEXIT CS.L and CS.D are L1's again.",
                                .manual = manual,
                                .nested_paging = nested_paging,
                                .l1_modes = only_l1_long64,
                                .steps = {vmcb_field(svm::field::rip, at_start),
                                          Call{"vmrun_in_compatibility_mode"}},
                                .expectations = {expected},
                                .named_by_paging = true,
                                .covers = {"rule/host/state_restored"}});
    }
}

/// L1 has changed one of its PDPTEs, which alone changes nothing, and #VMEXIT loads all four.
void directory_pointers(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
                       reported("a word by the changed PDPTE, differs by", 0)};
    struct Way {
        std::string name;
        L2Mode mode;
    };
    for (const Way& way : {Way{"pae", L2Mode::pae}, Way{"prot32", L2Mode::prot32},
                           Way{"real", L2Mode::real}, Way{"long64", L2Mode::long64}}) {
        for (const bool nested_paging : {true, false}) {
            add_l1_case(
                catalogue,
                {.name = "host_state/pdptes/behind_l2_" + way.name,
                 .title = "#VMEXIT loads the PDPTEs of a PAE L1 from its memory.",
                 .manual = manual,
                 .program = "pause",
                 .mode = way.mode,
                 .nested_paging = nested_paging,
                 .l1_modes = only(L1Mode::pae),
                 .steps = {vmcb_field(svm::field::rip, at_start), Call{"vmrun_with_changed_pdpte"}},
                 .expectations = {expected},
                 .named_by_paging = true,
                 .covers = {"rule/host/pdptes"}});
        }
    }
}

/// TR is L2's until VMLOAD, and #DF of L1 is what uses it.
void task_register(Catalogue& catalogue) {
    constexpr std::uint64_t double_fault = 8 + 1;
    for (const bool loaded : {false, true}) {
        CallExpectation expected;
        expected.values = {
            reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
            reported("fault: vector + 1", double_fault),
            reported("L1's state went by L2's TSS", loaded ? 0 : 1),
            reported("L1's state went by its own TSS", loaded ? 1 : 0)};
        each_l1_mode(all_l1_modes, [&](L1Mode l1) {
            for (const bool nested_paging : {true, false}) {
                add_l1_case(catalogue,
                            {.name = std::string{"host_state/tr/double_fault_"} +
                                     (loaded ? "behind_vmload" : "before_vmload"),
                             .title = loaded ? "Behind VMLOAD #DF of L1 goes by its own TSS."
                                             : "Before VMLOAD #DF of L1 goes by the TSS of L2.",
                             .manual = manual,
                             .mode = l1 == L1Mode::long64 ? L2Mode::long64 : L2Mode::prot32,
                             .nested_paging = nested_paging,
                             .l1_modes = only(l1),
                             .steps = {vmcb_field(svm::field::rip, at_start),
                                       Call{"double_fault_of_l1", loaded ? 1u : 0u}},
                             .expectations = {expected},
                             .ends_machine = true, // By a shutdown, on a subject that loses TR.
                             .named_by_paging = true,
                             .covers = {"rule/host/not_touched"}});
            }
        });
    }
}

/// x87, SSE and XCR0 are nobody's: no VMRUN and no #VMEXIT touches them.
void not_touched(Catalogue& catalogue) {
    struct Register {
        std::string name;
        CallExpectation expected;
        svm::Features needs{};
        std::vector<Step> steps{};
    };
    CallExpectation exchanged;
    exchanged.values = {reported("L2 found what L1 had loaded", 1),
                        reported("L1 found what L2 had loaded", 1)};
    CallExpectation of_xcr0;
    of_xcr0.values = {reported("XCR0 that L2 found, of L1's", 3),
                      reported("XCR0 that L1 found, of L2's", 1)};
    for (const Register& one :
         {Register{"st0", exchanged}, Register{"xmm0", exchanged, Feature::sse},
          Register{"mxcsr", exchanged, Feature::sse},
          Register{"xcr0", of_xcr0, Feature::xsave, {vmcb_set(svm::field::cr4, cr4::osxsave)}}}) {
        for (const bool nested_paging : {true, false}) {
            add_l1_case(catalogue, {.name = "host_state/not_touched/" + one.name,
                                    .title = "L2 has what L1 had, and L1 then what L2 had.",
                                    .manual = "APM2 15.5.1, 15.6",
                                    .needs = one.needs,
                                    .program = "exchange_" + one.name,
                                    .nested_paging = nested_paging,
                                    .l1_modes = all_l1_modes,
                                    .steps = join(one.steps, {vmcb_field(svm::field::rip, at_start),
                                                              vmcb_field(svm::field::rax, l2_data),
                                                              Call{"exchange_" + one.name}}),
                                    .expectations = {one.expected},
                                    .named_by_paging = true});
        }
    }
}

void host_state(Catalogue& catalogue) {
    not_touched(catalogue);
    task_register(catalogue);
    control_registers(catalogue);
    registers(catalogue);
    segments(catalogue);
    compatibility_mode(catalogue);
    directory_pointers(catalogue);
}

const Registration registration{host_state};

} // namespace
} // namespace vmrunit::cases
