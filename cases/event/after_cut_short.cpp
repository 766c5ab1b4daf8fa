// SPDX-License-Identifier: GPL-2.0-only
// What L1 makes of a delivery that was cut short. It repairs what stood in the way and lets L2 go
// on: with EXITINTINFO in EVENTINJ, and the event is delivered after all, once; or without, and it
// has never been. An instruction that asked for the event is then executed anew. The first halves
// are those of cut_short.cpp. APM2 15.7.2, 15.20.

#include "cases/event/under_way.hpp"
#include "cases/intercept/exception_row.hpp"
#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/model/second_run.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::EventInformation;
using svm::EventType;
using svm::ExitCode;
using svm::Intercept;
using svm::VirtualInterrupt;

/// What keeps the event from its handler, the exit by it, and its repair.
struct Obstacle {
    std::string_view name;
    std::vector<Step> setup;
    ExitExpectation exit;
    Step repair;
};

/// Any exit that finds the event under way; cut_short.cpp judges EXITINFO1.
ExitExpectation cut_short_by(ExitCode code, EventInformation event) {
    ExitExpectation exit;
    exit.exit_code = code;
    exit.fields = {being_delivered(event),
                   {field::exit_info_1, {}, ~std::uint64_t{0}, Match::free}};
    return exit;
}

/// The IDT ends before the gate: in real mode that is no exception which merely cuts it short. And
/// nested tables do not map the IDT.
std::vector<Obstacle> obstacles(EventInformation event, const L2Start& start) {
    std::vector<Obstacle> all;
    if (!is_real_mode(start.mode)) {
        all.push_back({"gp",
                       {no_idt(), intercepting(Intercept::exception_gp)},
                       cut_short_by(ExitCode::exception_gp, event),
                       vmcb_field(field::idtr_limit, fresh(field::idtr_limit))});
    }
    if (start.nested_paging) {
        ExitExpectation exit = cut_short_by(ExitCode::npf, event);
        exit.fields.push_back(
            {field::exit_info_2, spare_page + vector_of(event) * gate_size(start.mode)});
        if (is_real_mode(start.mode)) {
            any_real_frame(exit);
        }
        all.push_back({"npf",
                       {spare_page_unmapped, vmcb_field(field::idtr_base, spare_page)},
                       exit,
                       vmcb_field(field::idtr_base, fresh(field::idtr_base))});
    }
    return all;
}

std::string name_of_row(const Obstacle& way, std::string_view kind, std::string_view event) {
    return "event/after_cut_short/" + std::string{way.name} + "/" + std::string{kind} + "/" +
           std::string{event};
}

constexpr std::string_view reinjected_title = "EXITINTINFO in EVENTINJ delivers the event, once.";
constexpr std::string_view dropped_title = "Without that it has never been.";

Delivery handled(EventInformation event, Value return_rip, std::uint64_t flags) {
    Delivery delivery{.vector = vector_of(event), .return_rip = return_rip, .rflags = flags};
    if (event.test(EventInformation::error_code_valid)) {
        delivery.error_code = static_cast<std::uint32_t>(event.get(EventInformation::error_code));
    }
    return delivery;
}

bool is_software(EventInformation event) {
    return event.get(EventInformation::type) ==
           static_cast<std::uint64_t>(EventType::software_interrupt);
}

/// The flags that `brings` leaves.
std::uint64_t flags_of(const UnderWay& event, L2Mode mode) {
    std::uint64_t flags = rflags::always_one;
    if (event.is_virtual) {
        flags |= rflags::if_;
    }
    if (event.instruction == "raise_of") {
        flags |= rflags::of;
    }
    if (mode == L2Mode::v86 && is_software(event.event)) {
        flags |= rflags::iopl;
    }
    return flags;
}

void of_l2(Catalogue& catalogue, const UnderWay& event, Obstacle way, const L2Start& start) {
    const bool executed = !event.instruction.empty();
    way.exit.rip = executed ? at_insn : at_start;
    if (event.is_virtual) {
        way.exit.fields.push_back({field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask()});
    }
    const std::uint64_t flags = flags_of(event, start.mode);
    const auto row = [&](std::string_view name, std::string_view title, std::vector<Step> then,
                         ExitExpectation exit, bool needs_next_rip = false) {
        // The first VMRUN has used up what brought the event.
        then.insert(then.begin(),
                    {way.repair, vmcb_field(field::event_injection, 0),
                     vmcb_clear(field::virtual_interrupt, VirtualInterrupt::v_irq.mask())});
        const auto fresh = fresh_directory_pointers(start.mode);
        then.insert(then.begin(), fresh.begin(), fresh.end());
        then.emplace_back(Run{});
        add_guest_case(
            catalogue,
            {.name = name_of_row(way, name, event.name),
             .title = title,
             .manual = "APM2 15.7.2, 15.20",
             .needs = needs_next_rip ? svm::Features{svm::Feature::nrips} : svm::Features{},
             .program = executed ? event.instruction : "nothing",
             .steps = join(way.setup, brings(event, start.mode)),
             .exit = way.exit,
             .then = std::move(then),
             .then_expected = {std::move(exit)}},
            start);
    };
    // INT n, INT3 and INTO return behind themselves. RIP has not moved, so NEXT_RIP says where.
    const Value behind = executed ? at_after : at_start;
    // What INT1 raised the manual does not let be injected again: it has L1 do what INT1 does.
    if (event.instruction == "icebp") {
        row("emulated", "L1 moves RIP behind INT1 and injects a #DB of its own.",
            {vmcb_field(field::event_injection, event.event.value),
             vmcb_field(field::rip, at_after)},
            delivered(start, handled(event.event, at_after, flags)));
    } else {
        row("reinjected", reinjected_title,
            {vmcb_field(field::event_injection, event.event.value),
             vmcb_field(field::next_rip, behind)},
            delivered(start, handled(event.event, behind, flags)), executed);
    }
    if (executed) {
        row("dropped", "Without that the instruction begins anew.", {},
            delivered(start, handled(event.event, at_after, flags)));
    } else {
        ExitExpectation ends = program_ends();
        if (is_real_mode(start.mode)) {
            any_real_frame(ends);
        }
        row("dropped", dropped_title, {}, ends);
    }
}

/// L2 has acknowledged it: L1 does not get it, whatever it does with EXITINTINFO.
void of_the_machine(Catalogue& catalogue, const OfTheMachine& event, const Obstacle& way,
                    const L2Start& start) {
    constexpr std::uint64_t flags = rflags::always_one | rflags::if_;
    CallExpectation count;
    count.values = {{.value = 0, .what = std::string{event.what}}};
    const auto row = [&](std::string_view name, std::string_view title, std::vector<Step> then,
                         ExitExpectation exit) {
        then.insert(then.begin(), way.repair);
        then.emplace_back(Run{});
        then.emplace_back(Call{"count_own_event"});
        ExitExpectation first = way.exit;
        first.rip = at_start;
        add_guest_case(catalogue,
                       {.name = name_of_row(way, name, event.name),
                        .title = title,
                        .manual = "APM2 15.7.2, 15.20",
                        .needs = svm::Feature::apic,
                        .steps = join(way.setup, {vmcb_set(field::rflags, rflags::if_),
                                                  Call{"pend_own_event", event.argument}}),
                        .exit = std::move(first),
                        .then = std::move(then),
                        .then_expected = {std::move(exit), count}},
                       start);
    };
    row("reinjected", reinjected_title, {vmcb_field(field::event_injection, event.event.value)},
        delivered(start, handled(event.event, at_start, flags)));
    ExitExpectation ends = program_ends();
    if (is_real_mode(start.mode)) {
        any_real_frame(ends);
    }
    row("dropped", dropped_title, {}, ends);
}

void after_cut_short(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        for (const UnderWay& event : under_way) {
            if (may_come(event, start.mode)) {
                for (const Obstacle& way : obstacles(event.event, start)) {
                    of_l2(catalogue, event, way, start);
                }
            }
        }
        for (const OfTheMachine& event : machine_events) {
            for (const Obstacle& way : obstacles(event.event, start)) {
                of_the_machine(catalogue, event, way, start);
            }
        }
    });
}

const Registration registration{after_cut_short};

} // namespace
} // namespace vmrunit::cases
