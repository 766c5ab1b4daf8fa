// SPDX-License-Identifier: GPL-2.0-only
#include "cases/consistency/violations.hpp"

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/vmcb.hpp"

#include <utility>

namespace vmrunit::cases {

namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::Feature;

/// L2 never goes where it leads.
constexpr std::uint32_t last_pdpte = 3 * 8;

constexpr std::uint64_t one(unsigned number) {
    return std::uint64_t{1} << number;
}

Step clear_vmrun_intercept() {
    Write clear = intercepting(svm::Intercept::vmrun);
    clear.code = wire::Op::Code::clear_bits;
    return clear;
}

/// Whatever L2 there is.
Violation any(std::string name, Step step) {
    return {.name = std::move(name), .steps = {std::move(step)}};
}

Violation in_long_mode(std::string name, Step step) {
    return {.name = std::move(name), .steps = {std::move(step)}, .only_long_mode = true};
}

Violation event(std::string name, EventType type, std::uint8_t vector) {
    return {
        .name = std::move(name),
        .steps = {vmcb_field(field::event_injection, EventInformation::event(type, vector).value)},
        .writes = WholeOf::event_injection};
}

/// AVIC with tables that hold nothing, in the spare VMCB; the low bits of the last address are the
/// highest index. APM2 15.29.
Violation avic(std::string name, Value backing_page, std::uint32_t highest_index) {
    const Value page = in_region(Region::spare_vmcb);
    return {.name = std::move(name),
            .steps = {vmcb_set(field::virtual_interrupt, svm::VirtualInterrupt::avic_enable.mask()),
                      Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0, page_size},
                      vmcb_field(field::avic_backing_page, backing_page),
                      vmcb_field(field::avic_logical_table, page),
                      vmcb_field(field::avic_physical_table,
                                 in_region(Region::spare_vmcb, highest_index))},
            .paging = Paging::only_nested,
            .writes = WholeOf::avic,
            .needs = Feature::avic};
}

} // namespace

const std::vector<Violation>& violations() {
    // L is set in 64-bit mode already, D in compatibility mode.
    constexpr std::uint64_t l_and_d =
        svm::SegmentAttributes::long_mode.mask() | svm::SegmentAttributes::default_size.mask();
    // The order is that of the pairs' names; append only.
    static const std::vector<Violation> all{
        any("svme_clear", vmcb_clear(field::efer, svm::efer::svme)),
        any("efer_reserved", vmcb_set(field::efer, one(63))),
        in_long_mode("no_pae", vmcb_clear(field::cr4, svm::cr4::pae)),
        in_long_mode("no_pe", vmcb_clear(field::cr0, svm::cr0::pe)),
        in_long_mode("cs_l_and_d", vmcb_set(field::cs_attributes, l_and_d)),
        any("cd0_nw1", vmcb_set(field::cr0, svm::cr0::nw)),
        any("cr0_high", vmcb_set(field::cr0, one(32))),
        in_long_mode("cr3_high", vmcb_set(field::cr3, one(63))),
        any("cr4_reserved", vmcb_set(field::cr4, one(31))),
        any("dr6_high", vmcb_set(field::dr6, one(32))),
        any("dr7_high", vmcb_set(field::dr7, one(32))),
        any("no_vmrun_intercept", clear_vmrun_intercept()),
        any("asid_0", vmcb_field(field::guest_asid, 0)),
        any("iopm_beyond", vmcb_field(field::iopm_base_pa, one(52))),
        any("msrpm_beyond", vmcb_field(field::msrpm_base_pa, one(52))),
        event("event_type_1", static_cast<EventType>(1), 0x40),
        event("event_vector_32", EventType::exception, 32),
        event("event_vector_2", EventType::exception, 2),
        {.name = "n_cr3_high",
         .steps = {vmcb_set(field::n_cr3, one(63))},
         .paging = Paging::only_nested,
         .only_long64_l1 = true},
        {.name = "g_pat_type_2",
         .steps = {vmcb_field(field::g_pat, 2)},
         .paging = Paging::only_nested},
        {.name = "pdpte_reserved",
         .steps = {Write{wire::Op::Code::set_bits, Region::pae_pdpt, last_pdpte, 8, one(5)}},
         .only_mode = L2Mode::pae,
         .paging = Paging::only_unnested},
        {.name = "v_nmi_not_intercepted",
         .steps = {vmcb_set(field::virtual_interrupt, svm::VirtualInterrupt::v_nmi_enable.mask())},
         .needs = Feature::vnmi},
        {.name = "cet_wp_clear",
         .steps = {vmcb_set(field::cr4, svm::cr4::cet), vmcb_clear(field::cr0, svm::cr0::wp)},
         .needs = Feature::cet_ss},
        {.name = "s_cet_reserved",
         .steps = {vmcb_set(field::cr4, svm::cr4::cet), vmcb_set(field::s_cet, one(6))},
         .needs = Feature::cet_ss},
        // U_CET is L1's still.
        {.name = "user_shadow_stacks_in_v86",
         .steps = {vmcb_set(field::cr4, svm::cr4::cet),
                   L1Write{wire::L1Register::msr, svm::msr::u_cet, 1}},
         .only_mode = L2Mode::v86,
         .needs = Feature::cet_ss},
        {.name = "sss_without_np",
         .steps = {vmcb_set(field::nested_control, svm::NestedControl::sss_check_enable.mask())},
         .paging = Paging::only_unnested,
         .needs = Feature::sss_check},
        {.name = "x2avic_without_avic",
         .steps = {vmcb_set(field::virtual_interrupt, svm::VirtualInterrupt::x2avic_enable.mask())},
         .writes = WholeOf::avic,
         .needs = Feature::x2avic},
        avic("avic_index_256", in_region(Region::spare_vmcb), 256),
        avic("avic_page_beyond", one(52), 0),
    };
    return all;
}

ExitExpectation refusal() {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::invalid;
    using Word = svm::VirtualInterrupt;
    constexpr std::uint64_t written = Word::v_irq.mask() | Word::v_tpr.mask() | Word::vgif.mask() |
                                      Word::v_nmi.mask() | Word::v_nmi_mask.mask();
    exit.fields = {{field::virtual_interrupt, {}, written, Match::free}};
    return exit;
}

} // namespace vmrunit::cases
