// SPDX-License-Identifier: GPL-2.0-only
#include "cases/consistency/violations.hpp"

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

namespace vmrunit::cases {

namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;

constexpr std::uint64_t one(unsigned number) {
    return std::uint64_t{1} << number;
}

Step clear_vmrun_intercept() {
    Write clear = intercepting(svm::Intercept::vmrun);
    clear.code = wire::Op::Code::clear_bits;
    return clear;
}

Violation event(std::string name, EventType type, std::uint8_t vector) {
    return {.name = std::move(name),
            .step = vmcb_field(field::event_injection, EventInformation::event(type, vector).value),
            .is_event = true};
}

} // namespace

const std::vector<Violation>& violations() {
    constexpr bool in_long_mode = true;
    static const std::vector<Violation> all{
        {"svme_clear", vmcb_clear(field::efer, svm::efer::svme)},
        {"efer_reserved", vmcb_set(field::efer, one(63))},
        {"no_pae", vmcb_clear(field::cr4, svm::cr4::pae), in_long_mode},
        {"no_pe", vmcb_clear(field::cr0, svm::cr0::pe), in_long_mode},
        {"cs_l_and_d", vmcb_set(field::cs_attributes, svm::SegmentAttributes::default_size.mask()),
         in_long_mode},
        {"cd0_nw1", vmcb_set(field::cr0, svm::cr0::nw)},
        {"cr0_high", vmcb_set(field::cr0, one(32))},
        {"cr3_high", vmcb_set(field::cr3, one(63)), in_long_mode},
        {"cr4_reserved", vmcb_set(field::cr4, one(31))},
        {"dr6_high", vmcb_set(field::dr6, one(32))},
        {"dr7_high", vmcb_set(field::dr7, one(32))},
        {"no_vmrun_intercept", clear_vmrun_intercept()},
        {"asid_0", vmcb_field(field::guest_asid, 0)},
        {"iopm_beyond", vmcb_field(field::iopm_base_pa, one(52))},
        {"msrpm_beyond", vmcb_field(field::msrpm_base_pa, one(52))},
        event("event_type_1", static_cast<EventType>(1), 0x40),
        event("event_vector_32", EventType::exception, 32),
        event("event_vector_2", EventType::exception, 2),
        {.name = "n_cr3_high",
         .step = vmcb_set(field::n_cr3, one(63)),
         .only_nested = true,
         .only_long64_l1 = true},
        {.name = "g_pat_type_2", .step = vmcb_field(field::g_pat, 2), .only_nested = true},
    };
    return all;
}

ExitExpectation refusal() {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::invalid;
    exit.fields = {{field::virtual_interrupt, {}, ~std::uint64_t{0}, Match::free}};
    return exit;
}

} // namespace vmrunit::cases
