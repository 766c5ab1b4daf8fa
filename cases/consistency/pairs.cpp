// SPDX-License-Identifier: GPL-2.0-only
// Two things that VMRUN refuses at once, whichever it looks at first: no check hides another, none
// is done so late that something of L2 has happened before it. And a refusal while events wait:
// L2's are not delivered, L1's are neither lost nor doubled. APM2 15.5.1, 15.17.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::Feature;

constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

struct Violation {
    std::string name;
    Step step;
    bool only_nested = false;
    bool only_long64_l1 = false;
    bool is_event = false; ///< Two of these would be one field.
};

Step clear_vmrun_intercept() {
    Write clear = intercepting(svm::Intercept::vmrun);
    clear.code = wire::Op::Code::clear_bits;
    return clear;
}

Step event(EventType type, std::uint8_t vector) {
    return vmcb_field(field::event_injection, EventInformation::event(type, vector).value);
}

/// One of each check, of an L2 that begins in long mode.
const std::vector<Violation>& violations() {
    static const std::vector<Violation> all{
        {"svme_clear", vmcb_clear(field::efer, svm::efer::svme)},
        {"efer_reserved", vmcb_set(field::efer, bit(63))},
        {"no_pae", vmcb_clear(field::cr4, svm::cr4::pae)},
        {"no_pe", vmcb_clear(field::cr0, svm::cr0::pe)},
        {"cs_l_and_d", vmcb_set(field::cs_attributes, svm::SegmentAttributes::default_size.mask())},
        {"cd0_nw1", vmcb_set(field::cr0, svm::cr0::nw)},
        {"cr0_high", vmcb_set(field::cr0, bit(32))},
        {"cr3_high", vmcb_set(field::cr3, bit(63))},
        {"cr4_reserved", vmcb_set(field::cr4, bit(31))},
        {"dr6_high", vmcb_set(field::dr6, bit(32))},
        {"dr7_high", vmcb_set(field::dr7, bit(32))},
        {"no_vmrun_intercept", clear_vmrun_intercept()},
        {"asid_0", vmcb_field(field::guest_asid, 0)},
        {"iopm_beyond", vmcb_field(field::iopm_base_pa, bit(52))},
        {"msrpm_beyond", vmcb_field(field::msrpm_base_pa, bit(52))},
        {"event_type_1", event(static_cast<EventType>(1), 0x40), false, false, true},
        {"event_vector_32", event(EventType::exception, 32), false, false, true},
        {"event_vector_2", event(EventType::exception, 2), false, false, true},
        {"n_cr3_high", vmcb_set(field::n_cr3, bit(63)), true, true},
        {"g_pat_type_2", vmcb_field(field::g_pat, 2), true},
    };
    return all;
}

/// What a refusal stores besides its exit code nobody says; V_IRQ and V_TPR an exit may.
ExitExpectation refusal() {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::invalid;
    exit.fields = {{field::virtual_interrupt, {}, ~std::uint64_t{0}, Match::free}};
    return exit;
}

void pairs(Catalogue& catalogue) {
    const std::vector<Violation>& all = violations();
    for (auto first = all.begin(); first != all.end(); ++first) {
        for (auto second = first + 1; second != all.end(); ++second) {
            if (first->is_event && second->is_event) {
                continue;
            }
            const bool is_64_bit = first->only_long64_l1 || second->only_long64_l1;
            add_l1_case(catalogue,
                        {.name = "consistency/pairs/" + first->name + "_and_" + second->name,
                         .title = "Either is a reason to refuse, and so are both.",
                         .manual = "APM2 15.5.1",
                         .nested_paging = first->only_nested || second->only_nested,
                         .l1_modes = is_64_bit ? only_l1_long64 : all_l1_modes,
                         .steps = {first->step, second->step, Run{}},
                         .expectations = {refusal()}});
        }
    }
}

/// Each check with an event for L2 that is fine by itself: it is not delivered, so nothing of L2's
/// memory changes. A subject that injects before it has checked everything shows.
void with_event_for_l2(Catalogue& catalogue) {
    const auto pending = svm::VirtualInterrupt{}
                             .with(svm::VirtualInterrupt::v_irq)
                             .with(svm::VirtualInterrupt::v_ign_tpr)
                             .with(svm::VirtualInterrupt::v_intr_prio, 15)
                             .with(svm::VirtualInterrupt::v_intr_vector, 0x40);
    for (const Violation& violation : violations()) {
        const auto row = [&](const std::string& what, std::vector<Step> steps) {
            steps.push_back(violation.step);
            steps.emplace_back(Run{});
            add_l1_case(catalogue,
                        {.name = "consistency/refusal/" + what + "/" + violation.name,
                         .title = "A refused L2 takes no event.",
                         .manual = "APM2 15.5.1",
                         .nested_paging = violation.only_nested,
                         .l1_modes = violation.only_long64_l1 ? only_l1_long64 : all_l1_modes,
                         .steps = std::move(steps),
                         .expectations = {refusal()}});
        };
        if (!violation.is_event) {
            row("injected_interrupt", {event(EventType::interrupt, 0x40)});
            row("injected_exception", {event(EventType::exception, 6)});
            row("injected_nmi", {event(EventType::nmi, 2)});
        }
        row("virtual_interrupt", {vmcb_field(field::virtual_interrupt, pending.value),
                                  vmcb_set(field::rflags, svm::rflags::if_)});
    }
}

/// What waits for L1 while GIF is clear goes on waiting, intercepted or not.
void with_event_for_l1(Catalogue& catalogue) {
    struct Sent {
        std::string name;
        std::uint32_t argument; ///< Of vmrun_with_event.
        svm::Features needs;
        svm::Intercept intercept;
    };
    constexpr std::uint32_t l1_takes_interrupts = 1;
    for (const Sent& sent :
         {Sent{"interrupt", 2, Feature::apic, svm::Intercept::intr},
          Sent{"nmi", 4, Feature::apic, svm::Intercept::nmi},
          Sent{"smi", 6, {Feature::apic, Feature::smm_in_memory}, svm::Intercept::smi}}) {
        for (const bool intercepted : {true, false}) {
            CallExpectation expected;
            CallExpectation::Reported code =
                reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::invalid));
            code.mask = 0xffff'ffff; // Other cases judge the upper half.
            expected.values = {code,
                               {Value{0}, 0, Match::equals, "saved RIP"},
                               reported("arrived before STGI", 0),
                               reported("arrived behind it", 1),
                               {Value{0}, 0, Match::equals, "EXITINFO1"}};
            std::vector<Step> steps{vmcb_field(field::guest_asid, 0),
                                    vmcb_set(field::rflags, svm::rflags::if_)};
            if (intercepted) {
                steps.emplace_back(intercepting(sent.intercept));
            }
            steps.emplace_back(Call{"vmrun_with_event", sent.argument | l1_takes_interrupts});
            add_l1_case(catalogue, {.name = "consistency/refusal/pending_" + sent.name +
                                            (intercepted ? "/intercepted" : "/not_intercepted"),
                                    .title = "A refused VMRUN lets no event in and loses none.",
                                    .manual = "APM2 15.17",
                                    .needs = sent.needs,
                                    .l1_modes = all_l1_modes,
                                    .steps = std::move(steps),
                                    .expectations = {expected}});
        }
    }
}

void simultaneous(Catalogue& catalogue) {
    pairs(catalogue);
    with_event_for_l2(catalogue);
    with_event_for_l1(catalogue);
}

const Registration registration{simultaneous};

} // namespace
} // namespace vmrunit::cases
