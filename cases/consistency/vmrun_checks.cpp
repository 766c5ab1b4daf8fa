// SPDX-License-Identifier: GPL-2.0-only
// What VMRUN refuses with VMEXIT_INVALID, and next to it what it must not refuse. APM2 15.5.1,
// "Canonicalization and Consistency Checks".

#include "cases/consistency/check_table.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

constexpr std::string_view manual = "APM2 15.5.1";

// clang-format off

void control_registers(Checks& checks) {
    using namespace svm;
    checks.refused("cr0/cd0_nw1", "NW without CD.", {vmcb_set(field::cr0, cr0::nw)});
    checks.entered("cr0/cd1_nw0", "CD alone is legal.", {vmcb_set(field::cr0, cr0::cd)});
    checks.entered("cr0/cd1_nw1", "CD with NW is legal.", {vmcb_set(field::cr0, cr0::cd | cr0::nw)});
    checks.refused_bits("cr0", "CR0[63:32] must be zero.", field::cr0, cr0::must_be_zero);
    constexpr std::uint64_t reserved = 0x1ffa'ffc0;
    checks.entered("cr0/low_reserved", "Reserved bits of the lower half are nobody's business.",
                   {vmcb_set(field::cr0, reserved)}, {{field::cr0, {}, reserved, Match::free}});
    for (unsigned number = 0; number < 32; ++number) {
        if ((reserved & bit(number)) != 0) {
            checks.entered("cr0/entered/bit_" + std::to_string(number),
                           "A reserved bit of the lower half alone.",
                           {vmcb_set(field::cr0, bit(number))},
                           {{field::cr0, {}, bit(number), Match::free}});
        }
    }

    checks.entered("cr0/entered/et_clear", "ET is set, whatever VMRUN finds.", {vmcb_clear(field::cr0, cr0::et)});

    // These have a meaning on CPUs of others, with a bit of CPUID each that AMD may set one day.
    const std::pair<unsigned, Feature> elsewhere[] = {
        {24, Feature::pks}, {25, Feature::uintr}, {27, Feature::lass}, {28, Feature::lam}, {32, Feature::fred}};
    std::uint64_t reserved_everywhere = cr4::must_be_zero;
    for (const auto& [number, feature] : elsewhere) {
        reserved_everywhere &= ~bit(number);
        checks.refused("cr4/bit_" + std::to_string(number), "A reserved bit of CR4.", {vmcb_set(field::cr4, bit(number))},
                       {.without = feature});
    }
    checks.refused_bits("cr4", "A reserved bit of CR4.", field::cr4, reserved_everywhere);
    // Linear address masking is switched on by two of them.
    constexpr std::uint64_t masking = bit(61) | bit(62);
    constexpr std::uint64_t no_address = (~std::uint64_t{0} << 52) & ~masking;
    for (const auto& [bits, without] : {std::pair{no_address, Features{}}, std::pair{masking, Features{Feature::lam}}}) {
        checks.refused_bits("cr3", "Bits that no physical address has must be zero in long mode.",
                            field::cr3, bits, {.without = without});
        checks.refused_bits("cr3/compat", "Compatibility mode is long mode, too.",
                            field::cr3, bits, {.mode = L2Mode::compat, .without = without});
    }
    for (unsigned number = 0; number < 12; ++number) {
        checks.entered("cr3/entered/bit_" + std::to_string(number),
                       "A low bit of CR3 alone is nobody's business.",
                       {vmcb_set(field::cr3, bit(number))},
                       {{field::cr3, {}, bit(number), Match::free}});
    }
    checks.entered("cr3/low_ignored", "The low bits that CR3 does not use are ignored.",
                   {vmcb_set(field::cr3, 7)}, {{field::cr3, {}, 7, Match::free}});
}

void debug_registers(Checks& checks) {
    using namespace svm;
    checks.refused_bits("dr6", "DR6[63:32] must be zero.", field::dr6, dr6::must_be_zero);
    checks.entered("dr6/low", "Every bit of DR6 that can be set.",
                   {vmcb_set(field::dr6, dr6::b0 | dr6::b1 | dr6::b2 | dr6::b3 | dr6::bd | dr6::bs | dr6::bt)});
    checks.refused_bits("dr7", "DR7[63:32] must be zero.", field::dr7, dr7::must_be_zero);
    // Breakpoints on the execution of address 0, where L2 does not go.
    checks.entered("dr7/low", "The enable bits of DR7.",
                   {vmcb_set(field::dr7, dr7::l0 | dr7::g1 | dr7::l2 | dr7::g3 | dr7::le | dr7::ge)});
}

void long_mode(Checks& checks) {
    using namespace svm;
    checks.refused("efer/svme_clear", "EFER.SVME must be set.", {vmcb_clear(field::efer, efer::svme)});
    checks.refused_bits("efer", "A reserved bit of EFER.", field::efer, efer::must_be_zero);
    checks.refused("efer/lme_pg_no_pae", "LME and PG without CR4.PAE.",
                   {vmcb_clear(field::cr4, cr4::pae)});
    checks.refused("efer/lme_pg_no_pe", "LME and PG without CR0.PE.",
                   {vmcb_clear(field::cr0, cr0::pe)});
    const std::uint64_t default_size = SegmentAttributes::default_size.mask();
    const std::uint64_t long_code = SegmentAttributes::long_mode.mask();
    checks.refused("cs/l_and_d", "Code cannot be 64-bit and 32-bit at once.",
                   {vmcb_set(field::cs_attributes, default_size)});
    checks.entered("cs/l_and_d_in_legacy_mode", "Outside long mode CS.L means nothing.",
                   {vmcb_set(field::cs_attributes, long_code)},
                   {{field::cs_attributes, {}, long_code, Match::free}}, {.mode = L2Mode::pae});
    // A CPU that believes it walks PAE tables instead. What it then takes for the last level around
    // L2's program is taken away, and the IDT too, so that it goes nowhere.
    checks.entered("efer/lma_clear", "EFER.LMA is not believed: it follows LME and PG.",
                   {vmcb_clear(field::efer, efer::lma), vmcb_field(field::idtr_limit, 0),
                    Write{wire::Op::Code::fill, Region::pd, 0x800, 0, 0x1800}});
    checks.entered("efer/lma_set_in_legacy_mode", "EFER.LMA is not believed: it follows LME and PG.",
                   {vmcb_set(field::efer, efer::lma)}, {}, {.mode = L2Mode::pae});
}

void controls(Checks& checks) {
    using svm::Intercept;
    Write no_vmrun = intercepting(Intercept::vmrun);
    no_vmrun.code = wire::Op::Code::clear_bits;
    checks.refused("intercept/vmrun_clear", "The intercept of VMRUN must be set.", {no_vmrun});
    checks.refused("asid/0", "ASID 0 is the host's.", {vmcb_field(field::guest_asid, 0)});
    checks.entered("asid/1", "The first ASID of a guest.", {vmcb_field(field::guest_asid, 1)});
    checks.entered("asid/2", "The next one.", {vmcb_field(field::guest_asid, 2)});

    for (const auto& [name, place] : {std::pair{"iopm", field::iopm_base_pa},
                                      std::pair{"msrpm", field::msrpm_base_pa}}) {
        const std::string subject{name};
        checks.refused(subject + "/beyond_memory", "The map lies where no physical address is.",
                       {vmcb_field(place, bit(52))});
        const Step uses_map = intercepting(subject == "iopm" ? Intercept::ioio_prot : Intercept::msr_prot);
        checks.refused(subject + "/beyond_memory/intercepted", "The map lies where no physical address is, and is used.",
                       {vmcb_field(place, bit(52)), uses_map});
        checks.entered(subject + "/low_bits_ignored/intercepted", "The low 12 bits of the address are ignored.",
                       {vmcb_set(place, 0xfff), uses_map});
        checks.entered(subject + "/low_bits_ignored", "The low 12 bits of the address are ignored.",
                       {vmcb_set(place, 0xfff)});
    }
}

void paging(Checks& checks) {
    const CheckOptions nested{.nested_paging = true};
    // Which bits must be zero where N_CR3 is like the CR3 of a 32-bit L1 nobody says.
    checks.refused_bits("n_cr3", "Bits that no physical address has must be zero in N_CR3.",
                        field::n_cr3, ~std::uint64_t{0} << 52,
                        {.nested_paging = true, .l1_modes = only_l1_long64});
    checks.entered("n_cr3/without_nested_paging", "Without nested paging N_CR3 is not looked at.",
                   {vmcb_field(field::n_cr3, ~std::uint64_t{0})});
    for (unsigned entry = 0; entry < 8; ++entry) {
        const auto with_type = [entry](std::uint64_t type) {
            return vmcb_field(field::g_pat, (svm::pat_reset & ~(std::uint64_t{0xff} << (8 * entry))) |
                                                type << (8 * entry));
        };
        const std::string prefix = "entry_" + std::to_string(entry) + "_type_";
        // The last ones are memory types but for a reserved bit, and all bits.
        for (const unsigned type : {2u, 3u, 8u, 0x10u, 0x20u, 0x40u, 0x80u, 9u, 0xeu, 0x16u, 0x26u,
                                    0x46u, 0x86u, 0xffu}) {
            checks.refused("g_pat/" + prefix + std::to_string(type),
                           "A memory type that does not exist.", {with_type(type)}, nested);
        }
        for (const unsigned type : {0u, 1u, 4u, 5u, 6u, 7u}) {
            checks.entered("g_pat/entered/" + prefix + std::to_string(type),
                           "A memory type that exists.", {with_type(type)}, {}, nested);
        }
    }
    checks.entered("g_pat/without_nested_paging", "Without nested paging G_PAT is not looked at.",
                   {vmcb_field(field::g_pat, 2)});
    // The present bit of a PDPTE makes its reserved bits count.
    for (const unsigned number : {1u, 2u, 5u, 60u}) {
        const auto entry = static_cast<std::uint32_t>(number % 4 * 8);
        checks.refused("pdpte/bit_" + std::to_string(number),
                       "A reserved bit of a PDPTE, without nested paging.",
                       {Write{wire::Op::Code::set_bits, Region::pae_pdpt, entry, 8, bit(number)}},
                       {.mode = L2Mode::pae});
    }
    constexpr std::uint64_t reserved = 0x1e6 | ~std::uint64_t{0} << 52;
    for (unsigned entry = 0; entry < 4; ++entry) {
        const std::string name = "entry_" + std::to_string(entry);
        for (unsigned number = 0; number < 64; ++number) {
            if ((reserved & bit(number)) == 0) {
                continue;
            }
            const Write set{wire::Op::Code::set_bits, Region::pae_pdpt, entry * 8, 8, bit(number)};
            checks.refused("pdpte/" + name + "_bit_" + std::to_string(number),
                           "A reserved bit of a PDPTE, without nested paging.", {set},
                           {.mode = L2Mode::pae});
            // With nested paging a walk would meet it; L2 never goes beyond the first gigabyte.
            if (entry != 0) {
                checks.entered("pdpte/entered/nested_" + name + "_bit_" + std::to_string(number),
                               "With nested paging the PDPTEs are read by walks only.", {set}, {},
                               {.mode = L2Mode::pae, .nested_paging = true});
            }
        }
        // PWT, PCD and what is software's.
        for (const unsigned number : {3u, 4u, 9u, 10u, 11u}) {
            checks.entered("pdpte/entered/" + name + "_bit_" + std::to_string(number),
                           "A bit that a present PDPTE may have.",
                           {Write{wire::Op::Code::set_bits, Region::pae_pdpt, entry * 8, 8, bit(number)}},
                           {}, {.mode = L2Mode::pae});
        }
        if (entry != 0) {
            checks.entered("pdpte/entered/absent_" + name,
                           "A PDPTE that is not present has no reserved bits.",
                           {Write{wire::Op::Code::write, Region::pae_pdpt, entry * 8, 8, reserved}},
                           {}, {.mode = L2Mode::pae});
        }
    }
    checks.entered("pdpte/not_present", "A PDPTE that is not present has no reserved bits.",
                   {Write{wire::Op::Code::write, Region::pae_pdpt, 24, 8, 0x66}}, {},
                   {.mode = L2Mode::pae});
}

/// What VMRUN makes of addresses that are none, and of flags that do not exist. What it leaves of
/// them nobody says.
void not_checked(Checks& checks) {
    constexpr std::uint64_t not_canonical = bit(47);
    // In 64-bit mode nobody uses the bases of segments, and the program needs neither table.
    for (const auto& [name, place] : {std::pair{"es", field::es_base}, std::pair{"cs", field::cs_base},
                                      std::pair{"ss", field::ss_base}, std::pair{"ds", field::ds_base},
                                      std::pair{"gdtr", field::gdtr_base}, std::pair{"idtr", field::idtr_base}}) {
        checks.entered("base/entered/not_canonical_" + std::string{name}, "VMRUN makes bases canonical and refuses none.",
                       {vmcb_field(place, not_canonical)}, {{place, {}, ~std::uint64_t{0}, Match::free}});
    }
    for (unsigned number = 0; number < 64; ++number) {
        if ((svm::rflags::defined & bit(number)) == 0) {
            checks.entered("rflags/entered/bit_" + std::to_string(number),
                           "A reserved bit of RFLAGS is nobody's business.",
                           {vmcb_set(field::rflags, bit(number))},
                           {{field::rflags, {}, bit(number), Match::free}});
        }
    }
    checks.entered("rflags/entered/bit_1_clear", "Bit 1 is set, whatever VMRUN finds.",
                   {vmcb_clear(field::rflags, svm::rflags::always_one)});
}

/// A bit of EFER or CR4 that a feature brings is reserved on a CPU without it. That it is legal on one
/// with it stands in fields/save_efer and fields/save_cr4.
void bits_without_feature(Checks& checks) {
    using namespace svm;
    struct Bit {
        std::string_view name;
        svm::FieldRef place;
        std::uint64_t bit;
        svm::Features without;
    };
    const Bit bits[] = {
        {"efer/without_feature/ffxsr",    field::efer, efer::ffxsr,    Feature::ffxsr},
        {"efer/without_feature/tce",      field::efer, efer::tce,      Feature::tce},
        {"efer/without_feature/mcommit",  field::efer, efer::mcommit,  Feature::mcommit},
        {"efer/without_feature/intwb",    field::efer, efer::intwb,    Feature::int_wbinvd},
        {"efer/without_feature/uaie",     field::efer, efer::uaie,     Feature::upper_address_ignore},
        {"efer/without_feature/aibrse",   field::efer, efer::aibrse,   Feature::automatic_ibrs},
        {"cr4/without_feature/umip",      field::cr4,  cr4::umip,      Feature::umip},
        {"cr4/without_feature/la57",      field::cr4,  cr4::la57,      Feature::la57},
        {"cr4/without_feature/fsgsbase",  field::cr4,  cr4::fsgsbase,  Feature::fsgsbase},
        {"cr4/without_feature/pcide",     field::cr4,  cr4::pcide,     Feature::pcid},
        {"cr4/without_feature/osxsave",   field::cr4,  cr4::osxsave,   Feature::xsave},
        {"cr4/without_feature/smep",      field::cr4,  cr4::smep,      Feature::smep},
        {"cr4/without_feature/smap",      field::cr4,  cr4::smap,      Feature::smap},
        {"cr4/without_feature/pke",       field::cr4,  cr4::pke,       Feature::pku},
        {"cr4/without_feature/cet",       field::cr4,  cr4::cet,       Feature::cet_ss},
    };
    for (const Bit& one : bits) {
        for (const bool nested : {true, false}) {
            checks.refused(std::string{one.name} + (nested ? "_nested" : ""), "CPUID says that the bit does not exist.",
                           {vmcb_set(one.place, one.bit)}, {.nested_paging = nested, .without = one.without});
        }
    }
    checks.refused("efer/lmsle_unsupported", "CPUID says that LMSLE must be zero.",
                   {vmcb_set(field::efer, efer::lmsle)}, {.needs = Feature::efer_lmsle_unsupported});
}

/// Checks that come with features no target has shown so far.
void checks_of_features(Checks& checks) {
    using namespace svm;
    const auto with = [](Feature feature, bool nested = false) {
        return CheckOptions{.nested_paging = nested, .needs = feature};
    };
    const Step v_nmi = vmcb_set(field::virtual_interrupt, VirtualInterrupt::v_nmi_enable.mask());
    checks.refused("v_nmi/not_intercepted", "V_NMI_ENABLE wants NMIs intercepted.", {v_nmi}, with(Feature::vnmi));
    checks.entered("v_nmi/entered/intercepted", "With the intercept it is legal.",
                   {v_nmi, intercepting(Intercept::nmi)}, {}, with(Feature::vnmi));
    const Step sss = vmcb_set(field::nested_control, NestedControl::sss_check_enable.mask());
    checks.refused("sss_check/without_nested_paging", "There are no nested tables to check.", {sss},
                   with(Feature::sss_check));
    checks.entered("sss_check/entered/with_nested_paging", "With nested paging it is legal.", {sss}, {},
                   with(Feature::sss_check, true));
    const Step cet = vmcb_set(field::cr4, cr4::cet);
    checks.refused("cr4/cet_wp_clear", "CET wants CR0.WP.", {cet, vmcb_clear(field::cr0, cr0::wp)},
                   with(Feature::cet_ss));
    checks.entered("cr4/entered/cet_wp_set", "With WP it is legal.", {cet}, {}, with(Feature::cet_ss));
    // Branch tracking, which other CPUs have, makes use of all but these.
    constexpr std::uint64_t reserved_everywhere = 0x3c0;
    for (unsigned number = 2; number < 64; ++number) {
        CheckOptions options = with(Feature::cet_ss);
        if ((reserved_everywhere & bit(number)) == 0) {
            options.without = Feature::cet_ibt;
        }
        checks.refused("s_cet/bit_" + std::to_string(number), "A reserved bit of S_CET.",
                       {cet, vmcb_field(field::s_cet, bit(number))}, options);
    }
    for (const unsigned number : {0u, 1u}) {
        checks.entered("s_cet/entered/bit_" + std::to_string(number), "A bit of S_CET that exists.",
                       {cet, vmcb_field(field::s_cet, bit(number))}, {}, with(Feature::cet_ss));
    }
    // U_CET is L1's still: VMRUN has none for a guest without protected state.
    CheckOptions in_v86 = with(Feature::cet_ss);
    in_v86.mode = L2Mode::v86;
    const auto u_cet = [](std::uint64_t value) { return L1Write{wire::L1Register::msr, msr::u_cet, value}; };
    checks.refused("u_cet/shadow_stacks_in_v86", "Virtual-8086 mode has no shadow stacks.", {cet, u_cet(1)}, in_v86);
    checks.entered("u_cet/entered/none_in_v86", "Without them CET is legal there.", {cet, u_cet(0)}, {}, in_v86);
}

/// AVIC with tables that hold nothing: no interrupt is pending, and no other CPU is there. APM2 15.29.
std::vector<Step> avic(std::uint64_t enables, Value backing_page, Value logical_table, Value physical_table) {
    return {vmcb_set(field::virtual_interrupt, enables),
            Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0, page_size},
            vmcb_field(field::avic_backing_page, backing_page),
            vmcb_field(field::avic_logical_table, logical_table),
            vmcb_field(field::avic_physical_table, physical_table)};
}

void avic_tables(Checks& checks) {
    using svm::Feature;
    using svm::VirtualInterrupt;
    constexpr std::uint64_t xapic = VirtualInterrupt::avic_enable.mask();
    constexpr std::uint64_t x2apic = xapic | VirtualInterrupt::x2avic_enable.mask();
    const auto with = [](svm::Features needs, svm::Features without = {}) {
        return CheckOptions{.nested_paging = true, .needs = needs, .without = without,
                            .manual = "APM2 15.29"};
    };
    // The highest index is the low 12 bits of the address of the table.
    const auto table = [](std::uint32_t highest_index) { return in_region(Region::spare_vmcb, highest_index); };
    const Value page = table(0);
    const auto indexed = [&](std::uint64_t enables, std::uint32_t highest_index) {
        return avic(enables, page, page, table(highest_index));
    };
    checks.entered("avic/entered/tables", "Tables in memory are legal.", indexed(xapic, 0), {}, with(Feature::avic));
    checks.entered("avic/entered/index_255", "The highest index of an APIC id of 8 bits.", indexed(xapic, 255), {},
                   with(Feature::avic));
    checks.refused("avic/index_256", "There is no such APIC id of 8 bits.", indexed(xapic, 256), with(Feature::avic));
    checks.refused("x2avic/without_avic", "X2AVIC_ENABLE wants AVIC_ENABLE.",
                   {vmcb_set(field::virtual_interrupt, VirtualInterrupt::x2avic_enable.mask())},
                   with(Feature::x2avic));
    checks.entered("x2avic/entered/with_avic", "With AVIC_ENABLE it is legal.", indexed(x2apic, 0), {},
                   with({Feature::avic, Feature::x2avic}));
    checks.entered("x2avic/entered/index_511", "The highest index without the extension.", indexed(x2apic, 511), {},
                   with({Feature::avic, Feature::x2avic}));
    checks.refused("x2avic/index_512", "Without the extension indices have 9 bits.", indexed(x2apic, 512),
                   with({Feature::avic, Feature::x2avic}, Feature::x2avic_ext));
}

// clang-format on

/// A refusal leaves nothing behind: mended, the same VMCB runs.
void refused_then_entered(Catalogue& catalogue) {
    ExitExpectation refused;
    refused.exit_code = svm::ExitCode::invalid;
    add_l1_case(catalogue, {.name = "consistency/refusal/then_entry",
                            .title = "After a refusal the mended VMCB runs.",
                            .manual = manual,
                            .steps = {vmcb_field(field::guest_asid, 0), Run{},
                                      vmcb_field(field::guest_asid, 1), Run{}},
                            .expectations = {refused, ExitExpectation{}}});
}

void vmrun_checks(Catalogue& catalogue) {
    Checks checks{catalogue};
    control_registers(checks);
    debug_registers(checks);
    long_mode(checks);
    controls(checks);
    paging(checks);
    not_checked(checks);
    bits_without_feature(checks);
    checks_of_features(checks);
    avic_tables(checks);
    refused_then_entered(catalogue);
}

const Registration registration{vmrun_checks};

} // namespace
} // namespace vmrunit::cases
