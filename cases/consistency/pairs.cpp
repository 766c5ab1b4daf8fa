// SPDX-License-Identifier: GPL-2.0-only
// Two things that VMRUN refuses at once, whichever it looks at first: no check hides another, none
// is done so late that something of L2 has happened before it. And a refusal while events wait:
// L2's are not delivered, L1's are neither lost nor doubled. APM2 15.5.1, 15.17.

#include "cases/consistency/violations.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::Feature;

Step event(EventType type, std::uint8_t vector) {
    return vmcb_field(field::event_injection, EventInformation::event(type, vector).value);
}

bool exist_together(const Violation& mode_giver, const Violation& other) {
    return !mode_giver.only_mode || other.exists_in(*mode_giver.only_mode);
}

/// There is an L2 that breaks both.
bool go_together(const Violation& first, const Violation& second) {
    const bool one_undoes_the_other =
        first.writes == second.writes && first.writes != WholeOf::nothing;
    const bool same_paging = first.paging == second.paging || first.paging == Paging::both ||
                             second.paging == Paging::both;
    return !one_undoes_the_other && same_paging && exist_together(first, second) &&
           exist_together(second, first);
}

void pairs(Catalogue& catalogue) {
    const std::vector<Violation>& all = violations();
    for (auto first = all.begin(); first != all.end(); ++first) {
        for (auto second = first + 1; second != all.end(); ++second) {
            if (!go_together(*first, *second)) {
                continue;
            }
            add_l1_case(catalogue,
                        {.name = "consistency/pairs/" + first->name + "_and_" + second->name,
                         .title = "Either is a reason to refuse, and so are both.",
                         .manual = "APM2 15.5.1",
                         .needs = first->needs | second->needs,
                         .mode = first->only_mode ? first->usual_mode() : second->usual_mode(),
                         .nested_paging = first->nested_paging() || second->nested_paging(),
                         .l1_modes = first->only_long64_l1 ? first->l1_modes() : second->l1_modes(),
                         .steps = join(join(first->steps, second->steps), {Run{}}),
                         .expectations = {refusal()}});
        }
    }
}

/// Nested paging is refused to an L1 that does not page itself, too.
void pairs_with_unpaged_host(Catalogue& catalogue) {
    constexpr std::uint64_t refused = 0xffff'ffff; // Other cases judge the upper half.
    for (const Violation& violation : violations()) {
        if (!violation.exists_in(L2Mode::prot32) || violation.paging == Paging::only_unnested) {
            continue;
        }
        CallExpectation expected;
        expected.values = {reported("fault: vector + 1", 0), reported("exit code", refused),
                           reported("CR0 of L1 differs by", 0), reported("CR3 of L1 differs by", 0),
                           reported("CR4 of L1 differs by", 0)};
        add_l1_case(catalogue,
                    {.name = "consistency/pairs/np_without_host_paging_and_" + violation.name,
                     .title = "Either is a reason to refuse, and so are both.",
                     .manual = "APM2 15.5.1",
                     .needs = violation.needs,
                     .mode = L2Mode::prot32,
                     .nested_paging = true,
                     .l1_modes = only_l1_long64,
                     .steps = join(violation.steps, {vmcb_field(field::rip, at_start),
                                                     Call{"vmrun_without_paging"}}),
                     .expectations = {expected},
                     .ends_machine = true});
    }
}

/// Each check with an event for L2 that is fine by itself: it is not delivered, so nothing of L2's
/// memory changes. A subject that injects before it has checked everything shows.
void with_event_for_l2(Catalogue& catalogue) {
    const auto pending = offered_interrupt(0x40);
    for (const Violation& violation : violations()) {
        const auto row = [&](const std::string& what, std::vector<Step> steps) {
            add_l1_case(catalogue, {.name = "consistency/refusal/" + what + "/" + violation.name,
                                    .title = "A refused L2 takes no event.",
                                    .manual = "APM2 15.5.1",
                                    .needs = violation.needs,
                                    .mode = violation.usual_mode(),
                                    .nested_paging = violation.nested_paging(),
                                    .l1_modes = violation.l1_modes(),
                                    .steps = join(join(std::move(steps), violation.steps), {Run{}}),
                                    .expectations = {refusal()}});
        };
        if (!violation.is_event()) {
            row("injected_interrupt", {event(EventType::interrupt, 0x40)});
            row("injected_exception", {event(EventType::exception, 6)});
            row("injected_nmi", {event(EventType::nmi, 2)});
        }
        row("virtual_interrupt", {vmcb_field(field::virtual_interrupt, pending.value),
                                  vmcb_set(field::rflags, svm::rflags::if_)});
    }
}

/// An event that is pending while a VMRUN is refused.
struct Sent {
    std::string name;
    std::uint32_t argument; ///< Of vmrun_with_event.
    svm::Features needs;
    svm::Intercept intercept;
};

struct SentRow {
    std::string name; ///< "consistency/refusal/pending_nmi/intercepted"
    const Sent& sent;
    bool intercepted;
    const Violation& violation;
    L1Modes l1_modes;
};

/// What waits for L1 while GIF is clear goes on waiting.
void keeps_waiting(Catalogue& catalogue, const SentRow& row,
                   const std::source_location& where = std::source_location::current()) {
    constexpr std::uint32_t l1_takes_interrupts = 1;
    CallExpectation expected;
    CallExpectation::Reported code =
        reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::invalid));
    code.mask = 0xffff'ffff; // Other cases judge the upper half.
    expected.values = {code,
                       {Value{0}, 0, Match::equals, "saved RIP"},
                       reported("arrived before STGI", 0),
                       reported("arrived behind it", 1),
                       {Value{0}, 0, Match::equals, "EXITINFO1"}};
    std::vector<Step> steps{vmcb_field(field::rip, at_start),
                            vmcb_set(field::rflags, svm::rflags::if_)};
    if (row.intercepted) {
        steps.emplace_back(intercepting(row.sent.intercept));
    }
    steps = join(std::move(steps), row.violation.steps);
    steps.emplace_back(Call{"vmrun_with_event", row.sent.argument | l1_takes_interrupts});
    add_l1_case(catalogue,
                {.name = row.name,
                 .title = "A refused VMRUN lets no event in and loses none.",
                 .manual = "APM2 15.17",
                 .needs = row.sent.needs | row.violation.needs,
                 .mode = row.violation.usual_mode(),
                 .nested_paging = row.violation.nested_paging(),
                 .l1_modes = row.l1_modes,
                 .steps = std::move(steps),
                 .expectations = {expected}},
                where);
}

/// Intercepted or not, and whatever VMRUN is refused for: a subject that finds it late may have
/// looked at events before.
void with_event_for_l1(Catalogue& catalogue) {
    const Violation asid_0{.name = "asid_0", .steps = {vmcb_field(field::guest_asid, 0)}};
    const Sent interrupt{"interrupt", 2, Feature::apic, svm::Intercept::intr};
    const Sent nmi{"nmi", 4, Feature::apic, svm::Intercept::nmi};
    const Sent smi{"smi", 6, {Feature::apic, Feature::smm_in_memory}, svm::Intercept::smi};
    for (const Sent& sent : {interrupt, nmi, smi}) {
        for (const bool intercepted : {true, false}) {
            keeps_waiting(catalogue, {"consistency/refusal/pending_" + sent.name +
                                          (intercepted ? "/intercepted" : "/not_intercepted"),
                                      sent, intercepted, asid_0, all_l1_modes});
        }
    }
    for (const Violation& violation : violations()) {
        for (const Sent& sent : {interrupt, nmi}) {
            for (const bool intercepted : {true, false}) {
                // V_NMI_ENABLE is refused only while NMIs are not intercepted.
                if (violation.name == "v_nmi_not_intercepted" && intercepted &&
                    sent.intercept == svm::Intercept::nmi) {
                    continue;
                }
                keeps_waiting(catalogue,
                              {"consistency/refusal/pending_" + sent.name + "/" + violation.name +
                                   (intercepted ? "/intercepted" : "/not_intercepted"),
                               sent, intercepted, violation, violation.l1_modes()});
            }
        }
    }
}

/// What makes no difference to a check: the mode that L2 would begin in.
void in_every_mode(Catalogue& catalogue) {
    for (const Violation& violation : violations()) {
        for (const L2Mode mode : every_mode) {
            if (mode == L2Mode::long64 || !violation.exists_in(mode)) {
                continue;
            }
            add_l1_case(catalogue,
                        {.name = "consistency/in_mode/" +
                                 std::string{l2_mode_names[static_cast<unsigned>(mode)]} + "/" +
                                 violation.name,
                         .title = "It is refused in whatever mode L2 would begin.",
                         .manual = "APM2 15.5.1",
                         .needs = violation.needs,
                         .program = "pause",
                         .mode = mode,
                         .nested_paging = violation.nested_paging(),
                         .l1_modes = violation.l1_modes(),
                         .steps = join(violation.steps, {Run{}}),
                         .expectations = {refusal()}});
        }
    }
}

void simultaneous(Catalogue& catalogue) {
    in_every_mode(catalogue);
    pairs(catalogue);
    pairs_with_unpaged_host(catalogue);
    with_event_for_l2(catalogue);
    with_event_for_l1(catalogue);
}

const Registration registration{simultaneous};

} // namespace
} // namespace vmrunit::cases
