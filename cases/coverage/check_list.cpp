// SPDX-License-Identifier: GPL-2.0-only
#include "cases/coverage/check_list.hpp"

#include "harness/arena.hpp"
#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace vmrunit::cases {

namespace {

namespace field = svm::field;
namespace cr0 = svm::cr0;
namespace cr4 = svm::cr4;
namespace efer = svm::efer;
using svm::EventInjection;
using svm::EventType;
using svm::Feature;
using svm::Intercept;
using svm::NestedControl;
using svm::SegmentAttributes;
using svm::VirtualInterrupt;

constexpr std::uint64_t beyond_52 = ~std::uint64_t{0} << 52;
constexpr std::uint64_t cr0_reserved = 0x1ffa'ffc0;
constexpr std::uint64_t pdpte_reserved = 0x1e6 | beyond_52;
constexpr std::uint64_t reserved_of_s_cet = ~std::uint64_t{3};

bool is_memory_type(std::uint64_t type) {
    return type < 8 && type != 2 && type != 3;
}

std::uint64_t pat_entry(const CheckedVmcb& found, unsigned entry) {
    return found.save.g_pat >> (8 * entry) & 0xff;
}

/// The PDPTE with the writes of the case; nothing where it writes none.
std::optional<std::uint64_t> written_pdpte(const CheckedVmcb& found, unsigned entry) {
    std::optional<std::uint64_t> value;
    for (const Step& step : found.one.steps) {
        const auto* write = std::get_if<Write>(&step);
        if (write == nullptr || write->region != Region::pae_pdpt || write->offset != entry * 8) {
            continue;
        }
        if (write->code == wire::Op::Code::set_bits) {
            value = value.value_or(1) | write->value.number;
        } else if (write->code == wire::Op::Code::write) {
            value = write->value.number;
        }
    }
    return value;
}

/// Those are L1's: U_CET is in no VMCB.
bool has_user_shadow_stacks(const Case& one) {
    return std::ranges::any_of(one.steps, [](const Step& step) {
        const auto* write = std::get_if<L1Write>(&step);
        return write != nullptr && write->target == wire::L1Register::msr &&
               write->msr == svm::msr::u_cet && (write->value.number & 1) != 0;
    });
}

/// 8 bits of APIC id; 9 with X2AVIC_ENABLE, on a CPU without the extension.
bool avic_index_is_too_large(const CheckedVmcb& found) {
    const VirtualInterrupt enables = found.control.virtual_interrupt;
    const std::uint64_t index = found.control.avic_physical_table & 0xfff;
    return enables.test(VirtualInterrupt::avic_enable) &&
           index > (enables.test(VirtualInterrupt::x2avic_enable) ? 511u : 255u);
}

bool avic_page_is_beyond(const CheckedVmcb& found) {
    const svm::ControlArea& control = found.control;
    const std::uint64_t pages =
        control.avic_backing_page | control.avic_logical_table | control.avic_physical_table;
    return control.virtual_interrupt.test(VirtualInterrupt::avic_enable) &&
           (pages & beyond_52) != 0;
}

bool is_canonical(std::uint64_t address) {
    const std::uint64_t top = address >> 47;
    return top == 0 || top == 0x1'ffff;
}

bool loads_pdptes(const CheckedVmcb& found) {
    return found.pg() && found.pae() && !found.lme() && !found.nested();
}

bool writes(const CheckedVmcb& found, svm::FieldRef place) {
    return std::ranges::any_of(found.one.steps, [place](const Step& step) {
        const auto* write = std::get_if<Write>(&step);
        return write != nullptr && write->region == Region::vmcb && write->offset == place.offset;
    });
}

constexpr CheckParts bits_of_word(std::uint64_t which, svm::FieldRef word) {
    return {"bit", which, word};
}

constexpr bool has_bit(std::uint64_t value, unsigned part) {
    return (value >> part & 1) != 0;
}

} // namespace

// clang-format off
const std::vector<Check>& checks_of_vmrun() {
    static const std::vector<Check> list{
    {.id = "efer_svme", .title = "EFER.SVME clear", .beside_title = "SVME set, other bits of EFER changed",
     .broken = [](const CheckedVmcb& f, unsigned) { return (f.save.efer & efer::svme) == 0; },
     .beside = [](const CheckedVmcb& f) { return f.save.efer != f.usual.efer; },
     .fields = {field::efer}},
    {.id = "efer_reserved", .title = "a reserved bit of EFER", .beside_title = "a bit of EFER that exists",
     .parts = bits_of_word(efer::must_be_zero, field::efer),
     .broken = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.efer, part); },
     .beside = [](const CheckedVmcb& f) { return ((f.save.efer ^ f.usual.efer) & ~(efer::lma | efer::lme)) != 0; },
     .fields = {field::efer}},
    {.id = "efer_read_as_zero", .title = "a bit of EFER[7:1]", .parts = bits_of_word(efer::read_as_zero, field::efer),
     .broken = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.efer, part); },
     .fields = {field::efer}},
    {.id = "efer_without_feature", .title = "a bit of EFER that CPUID denies", .beside_title = "one that CPUID has",
     .fields = {field::efer}, .refused_rows = "consistency/efer/without_feature/*",
     .accepted_rows = "fields/save_efer/loaded/*_set"},
    {.id = "efer_without_long_mode", .title = "EFER.LME or LMA on a CPU without long mode", .fields = {field::efer}},
    {.id = "long_mode_without_pae", .title = "LME and CR0.PG without CR4.PAE", .beside_title = "one of LME and PG without PAE",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.long_mode() && !f.pae(); },
     .beside = [](const CheckedVmcb& f) { return f.lme() != f.pg() && !f.pae(); },
     .fields = {field::efer, field::cr0, field::cr4}},
    {.id = "long_mode_without_pe", .title = "LME and CR0.PG without CR0.PE", .beside_title = "one of LME and PG without PE",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.long_mode() && !f.pe(); },
     .beside = [](const CheckedVmcb& f) { return f.lme() != f.pg() && !f.pe(); },
     .fields = {field::efer, field::cr0}},
    {.id = "cs_l_and_d", .title = "CS.L and CS.D in long mode", .beside_title = "CS.L and CS.D outside long mode",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.long_mode() && f.pae() && f.l_and_d(); },
     .beside = [](const CheckedVmcb& f) { return !f.long_mode() && f.l_and_d(); },
     .fields = {field::efer, field::cr0, field::cr4, field::cs_attributes}},
    {.id = "cr0_nw", .title = "CR0.NW without CR0.CD", .beside_title = "CR0.CD, with NW or without",
     .broken = [](const CheckedVmcb& f, unsigned) { return (f.save.cr0 & cr0::nw) != 0 && (f.save.cr0 & cr0::cd) == 0; },
     .beside = [](const CheckedVmcb& f) { return (f.save.cr0 & cr0::cd) != 0; },
     .fields = {field::cr0}},
    {.id = "cr0_high", .title = "a bit of CR0[63:32]", .beside_title = "bits of the lower half changed",
     .parts = bits_of_word(cr0::must_be_zero, field::cr0),
     .broken = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.cr0, part); },
     .beside = [](const CheckedVmcb& f) { return f.save.cr0 != f.usual.cr0; },
     .fields = {field::cr0}},
    {.id = "cr0_low_reserved", .beside_title = "a reserved bit of CR0's lower half",
     .beside_parts = bits_of_word(cr0_reserved, field::cr0),
     .beside_part = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.cr0, part); },
     .fields = {field::cr0}},
    {.id = "paged_real_mode", .beside_title = "CR0.PG without PE, outside long mode",
     .beside = [](const CheckedVmcb& f) { return f.pg() && !f.pe() && !f.lme(); },
     .fields = {field::cr0}},
    {.id = "cr3_high", .title = "a bit of CR3 above any physical address, in long mode", .beside_title = "other bits of CR3 changed",
     .parts = bits_of_word(beyond_52, field::cr3),
     .broken = [](const CheckedVmcb& f, unsigned part) { return f.long_mode() && has_bit(f.save.cr3, part); },
     .beside = [](const CheckedVmcb& f) { return f.long_mode() && f.save.cr3 != f.usual.cr3; },
     .fields = {field::cr3}},
    {.id = "cr3_address", .title = "a bit of CR3 that no physical address of this CPU has",
     .fields = {field::cr3}, .refused_rows = "consistency/cr3/address_bits*"},
    {.id = "cr3_highest", .beside_title = "the highest bit of CR3 that a physical address has",
     .fields = {field::cr3}, .accepted_rows = "consistency/cr3/entered/highest_address_bit"},
    {.id = "cr3_low_reserved", .beside_title = "a low bit of CR3 that is no address",
     .beside_parts = bits_of_word(0xfff, field::cr3),
     .beside_part = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.cr3, part); },
     .fields = {field::cr3}},
    {.id = "cr3_legacy", .title = "CR3[63:32] outside long mode", .fields = {field::cr3}},
    {.id = "cr4_reserved", .title = "a reserved bit of CR4", .beside_title = "a bit of CR4 that exists",
     .parts = bits_of_word(cr4::must_be_zero, field::cr4),
     .broken = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.cr4, part); },
     .beside = [](const CheckedVmcb& f) { return f.save.cr4 != f.usual.cr4; },
     .fields = {field::cr4}},
    {.id = "cr4_without_feature", .title = "a bit of CR4 that CPUID denies", .beside_title = "one that CPUID has",
     .fields = {field::cr4}, .refused_rows = "consistency/cr4/without_feature/*",
     .accepted_rows = "fields/save_cr4/loaded/*_set"},
    {.id = "dr6_high", .title = "a bit of DR6[63:32]", .beside_title = "a bit of the lower half",
     .parts = bits_of_word(svm::dr6::must_be_zero, field::dr6),
     .broken = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.dr6, part); },
     .beside = [](const CheckedVmcb& f) { return f.save.dr6 != f.usual.dr6; },
     .fields = {field::dr6}},
    {.id = "dr7_high", .title = "a bit of DR7[63:32]", .beside_title = "a bit of the lower half",
     .parts = bits_of_word(svm::dr7::must_be_zero, field::dr7),
     .broken = [](const CheckedVmcb& f, unsigned part) { return has_bit(f.save.dr7, part); },
     .beside = [](const CheckedVmcb& f) { return f.save.dr7 != f.usual.dr7; },
     .fields = {field::dr7}},
    {.id = "lma_clear", .beside_title = "EFER.LMA clear in long mode",
     .beside = [](const CheckedVmcb& f) { return f.long_mode() && !f.lma(); }, .fields = {field::efer}},
    {.id = "lma_set", .beside_title = "EFER.LMA set outside long mode",
     .beside = [](const CheckedVmcb& f) { return !f.long_mode() && f.lma(); }, .fields = {field::efer}},
    {.id = "vmrun_intercept", .title = "the intercept of VMRUN clear", .beside_title = "that of VMMCALL, its neighbour, clear",
     .broken = [](const CheckedVmcb& f, unsigned) { return !f.control.intercepts.test(Intercept::vmrun); },
     .beside = [](const CheckedVmcb& f) { return !f.control.intercepts.test(Intercept::vmmcall); },
     .fields = {field::intercept_instructions_2}},
    {.id = "asid_0", .title = "ASID 0", .beside_title = "another ASID",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.control.guest_asid == 0; },
     .beside = [](const CheckedVmcb& f) { return writes(f, field::guest_asid); },
     .fields = {field::guest_asid}},
    {.id = "asid_last", .beside_title = "the last ASID that CPUID says there is",
     .fields = {field::guest_asid}, .accepted_rows = "consistency/asid/entered/last"},
    {.id = "iopm_beyond", .title = "a map of the ports where no physical address is", .beside_title = "one that ends with memory",
     .broken = [](const CheckedVmcb& f, unsigned) { return (f.control.iopm_base_pa & beyond_52) != 0; },
     .fields = {field::iopm_base_pa}, .refused_rows = "consistency/iopm/begins_beyond",
     .accepted_rows = "consistency/iopm/entered/ends_with_memory"},
    {.id = "iopm_second_page", .title = "a map of the ports whose second page is beyond memory",
     .fields = {field::iopm_base_pa}, .refused_rows = "consistency/iopm/second_page_beyond"},
    {.id = "iopm_third_page", .title = "a map of the ports whose third page is beyond memory",
     .fields = {field::iopm_base_pa}, .refused_rows = "consistency/iopm/third_page_beyond"},
    {.id = "iopm_address", .title = "a bit of its base that no physical address of this CPU has",
     .fields = {field::iopm_base_pa}, .refused_rows = "consistency/iopm/address_bits"},
    {.id = "iopm_low_bits", .beside_title = "the low 12 bits of the base of the map of the ports",
     .beside = [](const CheckedVmcb& f) { return (f.control.iopm_base_pa & 0xfff) != 0; }, .fields = {field::iopm_base_pa}},
    {.id = "msrpm_beyond", .title = "a map of the MSRs where no physical address is", .beside_title = "one that ends with memory",
     .broken = [](const CheckedVmcb& f, unsigned) { return (f.control.msrpm_base_pa & beyond_52) != 0; },
     .fields = {field::msrpm_base_pa}, .refused_rows = "consistency/msrpm/begins_beyond"},
    {.id = "msrpm_second_page", .title = "a map of the MSRs whose second page is beyond memory",
     .fields = {field::msrpm_base_pa}, .refused_rows = "consistency/msrpm/second_page_beyond"},
    {.id = "msrpm_address", .title = "a bit of its base that no physical address of this CPU has",
     .fields = {field::msrpm_base_pa}, .refused_rows = "consistency/msrpm/address_bits"},
    {.id = "msrpm_low_bits", .beside_title = "the low 12 bits of the base of the map of the MSRs",
     .beside = [](const CheckedVmcb& f) { return (f.control.msrpm_base_pa & 0xfff) != 0; }, .fields = {field::msrpm_base_pa}},
    {.id = "event_type", .title = "a reserved type of event", .beside_title = "each type that exists",
     .parts = {"type", 0b1110'0010},
     .broken = [](const CheckedVmcb& f, unsigned part) { return f.injects(static_cast<EventType>(part)); },
     .beside_parts = {"type", 0b0001'1101},
     .beside_part = [](const CheckedVmcb& f, unsigned part) { return f.injects(static_cast<EventType>(part)); },
     .fields = {field::event_injection}},
    {.id = "event_not_valid", .beside_title = "a reserved type of event without V",
     .beside = [](const CheckedVmcb& f) { return !f.event().test(EventInjection::valid) && f.event().get(EventInjection::type) >= 5; },
     .fields = {field::event_injection}},
    {.id = "event_reserved_bits", .beside_title = "reserved bits of EVENTINJ",
     .beside = [](const CheckedVmcb& f) { return f.event().test(EventInjection::valid) && f.event().test(EventInjection::reserved); },
     .fields = {field::event_injection}},
    {.id = "event_vector_2", .title = "an exception of vector 2", .beside_title = "one of vector 1 or 3, and an NMI",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.injects(EventType::exception) && f.vector() == 2; },
     .beside = [](const CheckedVmcb& f) { return f.injects(EventType::nmi) || (f.injects(EventType::exception) && (f.vector() == 1 || f.vector() == 3)); },
     .fields = {field::event_injection}},
    {.id = "event_vector_high", .title = "an exception of a vector above 31", .beside_title = "an interrupt of such a vector",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.injects(EventType::exception) && f.vector() > 31; },
     .beside = [](const CheckedVmcb& f) { return f.injects(EventType::interrupt) && f.vector() > 31; },
     .fields = {field::event_injection}},
    {.id = "event_vector_reserved", .title = "an exception of a vector below 32 that none has", .fields = {field::event_injection}},
    {.id = "event_vector_of_sev", .title = "#HV or #VC, which only guests under SEV have", .fields = {field::event_injection}},
    {.id = "event_control_protection", .title = "#CP on a CPU without shadow stacks", .fields = {field::event_injection}},
    {.id = "event_bound_in_64_bit_mode", .title = "#BR in 64-bit mode", .beside_title = "#BR in 32-bit code",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.injects(EventType::exception) && f.vector() == 5 && f.long_mode() && f.save.cs.attributes.test(SegmentAttributes::long_mode); },
     .beside = [](const CheckedVmcb& f) { return f.injects(EventType::exception) && f.vector() == 5; },
     .fields = {field::event_injection, field::cs_attributes}},
    {.id = "event_overflow_in_64_bit_mode", .title = "#OF in 64-bit mode", .beside_title = "#OF in 32-bit code",
     .beside = [](const CheckedVmcb& f) { return f.injects(EventType::exception) && f.vector() == 4; },
     .fields = {field::event_injection, field::cs_attributes}},
    {.id = "np_without_host_paging", .title = "nested paging while L1 has paging off", .fields = {field::nested_control}, .needs = Feature::np},
    {.id = "np_unsupported", .title = "NP_ENABLE on a CPU without nested paging", .fields = {field::nested_control}},
    {.id = "n_cr3_high", .title = "a bit of N_CR3 above any physical address", .beside_title = "any N_CR3 without nested paging",
     .parts = bits_of_word(beyond_52, field::n_cr3),
     .broken = [](const CheckedVmcb& f, unsigned part) { return f.nested() && has_bit(f.control.n_cr3, part); },
     .beside = [](const CheckedVmcb& f) { return !f.nested() && (f.control.n_cr3 & beyond_52) != 0; },
     .fields = {field::n_cr3}, .needs = Feature::np},
    {.id = "n_cr3_address", .title = "a bit of N_CR3 that no physical address of this CPU has",
     .fields = {field::n_cr3}, .needs = Feature::np, .refused_rows = "consistency/n_cr3/address_bits*"},
    {.id = "n_cr3_highest", .beside_title = "the highest bit of N_CR3 that a physical address has",
     .fields = {field::n_cr3}, .needs = Feature::np, .accepted_rows = "consistency/n_cr3/entered/highest_address_bit"},
    {.id = "g_pat_type", .title = "a memory type in G_PAT that does not exist", .beside_title = "one that exists",
     .parts = {"entry", 0xff},
     .broken = [](const CheckedVmcb& f, unsigned part) { return f.nested() && !is_memory_type(pat_entry(f, part)); },
     .beside_parts = {"entry", 0xff},
     .beside_part = [](const CheckedVmcb& f, unsigned part) { return f.nested() && pat_entry(f, part) != (f.usual.g_pat >> (8 * part) & 0xff); },
     .fields = {field::g_pat}, .needs = Feature::np},
    {.id = "g_pat_without_np", .beside_title = "any G_PAT without nested paging",
     .beside = [](const CheckedVmcb& f) { return !f.nested() && !is_memory_type(pat_entry(f, 0)); }, .fields = {field::g_pat}},
    {.id = "sss_without_np", .title = "the shadow-stack check without nested paging", .beside_title = "with nested paging",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.control.nested_control.test(NestedControl::sss_check_enable) && !f.nested(); },
     .beside = [](const CheckedVmcb& f) { return f.control.nested_control.test(NestedControl::sss_check_enable) && f.nested(); },
     .fields = {field::nested_control}, .needs = Feature::sss_check},
    {.id = "v_nmi_without_intercept", .title = "V_NMI_ENABLE while NMIs are not intercepted", .beside_title = "while they are",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.control.virtual_interrupt.test(VirtualInterrupt::v_nmi_enable) && !f.control.intercepts.test(Intercept::nmi); },
     .beside = [](const CheckedVmcb& f) { return f.control.virtual_interrupt.test(VirtualInterrupt::v_nmi_enable); },
     .fields = {field::virtual_interrupt, field::intercept_instructions_1}, .needs = Feature::vnmi},
    {.id = "x2avic_without_avic", .title = "X2AVIC_ENABLE without AVIC_ENABLE", .beside_title = "with it",
     .broken = [](const CheckedVmcb& f, unsigned) { return f.control.virtual_interrupt.test(VirtualInterrupt::x2avic_enable) && !f.control.virtual_interrupt.test(VirtualInterrupt::avic_enable); },
     .beside = [](const CheckedVmcb& f) { return f.control.virtual_interrupt.test(VirtualInterrupt::x2avic_enable) && f.control.virtual_interrupt.test(VirtualInterrupt::avic_enable); },
     .fields = {field::virtual_interrupt}, .needs = Feature::x2avic},
    {.id = "avic_pointer", .title = "a table of AVIC where no physical address is", .beside_title = "tables in memory",
     .broken = [](const CheckedVmcb& f, unsigned) { return avic_page_is_beyond(f); },
     .fields = {field::avic_backing_page, field::avic_logical_table, field::avic_physical_table}, .needs = Feature::avic,
     .refused_rows = "consistency/avic/*/address_bits", .accepted_rows = "consistency/avic/entered/tables"},
    {.id = "avic_index", .title = "a highest index of AVIC that is too large", .beside_title = "the largest one",
     .broken = [](const CheckedVmcb& f, unsigned) { return avic_index_is_too_large(f); },
     .fields = {field::avic_physical_table}, .needs = Feature::avic,
     .accepted_rows = "consistency/avic/entered/index_255 consistency/x2avic/entered/index_511"},
    {.id = "s_cet", .title = "a reserved bit of S_CET", .beside_title = "a bit that exists",
     .parts = bits_of_word(reserved_of_s_cet, field::s_cet),
     .broken = [](const CheckedVmcb& f, unsigned part) { return (f.save.cr4 & cr4::cet) != 0 && has_bit(f.save.s_cet, part); },
     .fields = {field::s_cet}, .needs = Feature::cet_ss, .accepted_rows = "consistency/s_cet/entered/*"},
    {.id = "cet_without_wp", .title = "CR4.CET without CR0.WP", .beside_title = "with it",
     .broken = [](const CheckedVmcb& f, unsigned) { return (f.save.cr4 & cr4::cet) != 0 && (f.save.cr0 & cr0::wp) == 0; },
     .beside = [](const CheckedVmcb& f) { return (f.save.cr4 & cr4::cet) != 0; },
     .fields = {field::cr4, field::cr0}, .needs = Feature::cet_ss},
    {.id = "cet_in_v86", .title = "shadow stacks at CPL 3 in virtual-8086 mode", .beside_title = "CR4.CET without them",
     .broken = [](const CheckedVmcb& f, unsigned) { return (f.save.cr4 & cr4::cet) != 0 && (f.save.rflags & svm::rflags::vm) != 0 && has_user_shadow_stacks(f.one); },
     .fields = {field::cr4, field::rflags}, .needs = Feature::cet_ss,
     .accepted_rows = "consistency/u_cet/entered/none_in_v86"},
    {.id = "pdpte_reserved", .title = "a reserved bit of a present PDPTE", .beside_title = "one of a PDPTE that is not present",
     .parts = {"entry", 0xf},
     .broken = [](const CheckedVmcb& f, unsigned part) {
         const auto entry = written_pdpte(f, part);
         return loads_pdptes(f) && entry && (*entry & 1) != 0 && (*entry & pdpte_reserved) != 0; },
     .beside = [](const CheckedVmcb& f) {
         return loads_pdptes(f) && std::ranges::any_of(std::array{0u, 1u, 2u, 3u}, [&f](unsigned part) {
             const auto entry = written_pdpte(f, part);
             return entry && (*entry & 1) == 0 && (*entry & pdpte_reserved) != 0; }); },
     .fields = {field::cr3}},
    {.id = "pdpte_address", .title = "a bit of a PDPTE that no physical address of this CPU has", .beside_title = "PWT, PCD and what is software's",
     .fields = {field::cr3}, .refused_rows = "consistency/pdpte/address_bits/*",
     .accepted_rows = "consistency/pdpte/entered/entry_*"},
    {.id = "pdpte_with_np", .beside_title = "a reserved bit of a PDPTE with nested paging",
     .beside = [](const CheckedVmcb& f) {
         return f.nested() && std::ranges::any_of(std::array{0u, 1u, 2u, 3u}, [&f](unsigned part) {
             return (written_pdpte(f, part).value_or(0) & pdpte_reserved) != 0; }); },
     .fields = {field::cr3}, .needs = Feature::np},
    {.id = "sev_without_np", .title = "SEV_ENABLE without nested paging", .fields = {field::nested_control}, .needs = Feature::sev},
    {.id = "sev_smm_unlocked", .title = "SEV_ENABLE while SMM is not locked", .fields = {field::nested_control}, .needs = Feature::sev},
    {.id = "sev_asid", .title = "SEV_ENABLE with an ASID that is not for encrypted guests", .fields = {field::guest_asid}, .needs = Feature::sev},
    {.id = "sev_features", .title = "features of a guest that the host does not allow", .fields = {field::allowed_sev_features_mask}, .needs = Feature::allowed_sev_features},
    {.id = "tlb_control_reserved", .title = "a reserved value of TLB_CONTROL", .fields = {field::tlb_control}},
    {.id = "rip_beyond_limit", .beside_title = "RIP beyond the limit of CS: L2's own #GP",
     .fields = {field::rip, field::cs_limit}, .accepted_rows = "fields/save_cs_limit/used/rip_beyond"},
    {.id = "rip_not_canonical", .beside_title = "RIP that is not canonical: L2's own #GP",
     .fields = {field::rip}, .accepted_rows = "fields/save_rip/not_canonical"},
    {.id = "es_base", .beside_title = "the base of ES that is not canonical",
     .beside = [](const CheckedVmcb& f) { return !is_canonical(f.save.es.base); }, .fields = {field::es_base}},
    {.id = "cs_base", .beside_title = "the base of CS that is not canonical",
     .beside = [](const CheckedVmcb& f) { return !is_canonical(f.save.cs.base); }, .fields = {field::cs_base}},
    {.id = "ss_base", .beside_title = "the base of SS that is not canonical",
     .beside = [](const CheckedVmcb& f) { return !is_canonical(f.save.ss.base); }, .fields = {field::ss_base}},
    {.id = "ds_base", .beside_title = "the base of DS that is not canonical",
     .beside = [](const CheckedVmcb& f) { return !is_canonical(f.save.ds.base); }, .fields = {field::ds_base}},
    {.id = "gdtr_base", .beside_title = "the base of GDTR that is not canonical",
     .beside = [](const CheckedVmcb& f) { return !is_canonical(f.save.gdtr.base); }, .fields = {field::gdtr_base}},
    {.id = "idtr_base", .beside_title = "the base of IDTR that is not canonical",
     .beside = [](const CheckedVmcb& f) { return !is_canonical(f.save.idtr.base); }, .fields = {field::idtr_base}},
    {.id = "rflags_reserved", .beside_title = "reserved bits of RFLAGS",
     .beside = [](const CheckedVmcb& f) { return (f.save.rflags & ~svm::rflags::defined) != 0; }, .fields = {field::rflags}},
    {.id = "vm_hsave_pa_unset", .title = "VM_HSAVE_PA that nobody ever wrote"},
    };
    return list;
}
// clang-format on

} // namespace vmrunit::cases
