// SPDX-License-Identifier: GPL-2.0-only
// What the VMCB brings, beside an event of the machine that has been pending since before VMRUN. An
// injected event comes first, whatever else there is: the other one finds L2 at the first
// instruction of its handler. A virtual interrupt comes last. None is lost or doubled. APM2 8.5,
// 15.20, 15.21.4.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;

constexpr std::uint64_t enabled = svm::rflags::always_one | svm::rflags::if_;
constexpr std::uint8_t brought_vector = 0x40;
/// Argument of pend_own_event: L1's IF is set while L2 runs.
constexpr std::uint32_t l1_takes_interrupts = 0x10;

/// What the routine pend_own_event sends.
struct Pending {
    std::string_view name;
    std::uint32_t argument;
    std::uint8_t vector; ///< In L2's IDT; of an SMI none.
    Intercept intercept;
    svm::Features needs;
};
constexpr Pending interrupt{"interrupt", 0, 0x51, Intercept::intr, Feature::apic};
constexpr Pending nmi{"nmi", 1, 2, Intercept::nmi, Feature::apic};
constexpr Pending smi{"smi", 2, 0, Intercept::smi, {Feature::apic, Feature::smm_in_memory}};

class Table {
public:
    Table(Catalogue& catalogue, const L2Start& start) : catalogue_{catalogue}, start_{start} {}

    /// `got`: events of the machine that L1 has had in the end; an SMI is counted whoever ran.
    void row(const std::string& name, std::string_view title, std::string_view manual,
             const Pending& pending, bool intercepted, bool masking, std::vector<Step> steps,
             ExitExpectation exit, unsigned got,
             const std::source_location& where = std::source_location::current()) {
        steps.emplace_back(vmcb_set(field::rflags, svm::rflags::if_));
        if (intercepted) {
            steps.emplace_back(intercepting(pending.intercept));
        }
        if (masking) {
            steps.emplace_back(
                vmcb_set(field::virtual_interrupt, VirtualInterrupt::v_intr_masking.mask()));
        }
        steps.emplace_back(
            Call{"pend_own_event", pending.argument | (masking ? l1_takes_interrupts : 0)});
        CallExpectation count;
        count.values = {{.value = got, .what = "events that L1 got"}};
        const std::string full = "event/beside_physical/" + name + "/" + std::string{pending.name} +
                                 (intercepted ? "_intercepted" : "_not_intercepted") +
                                 (masking ? "_masking" : "");
        add_guest_case(catalogue_,
                       {.name = full,
                        .title = title,
                        .manual = manual,
                        .needs = pending.needs,
                        .steps = std::move(steps),
                        .exit = std::move(exit),
                        .then = {Call{"count_own_event"}},
                        .then_expected = {count}},
                       start_, where);
    }

private:
    Catalogue& catalogue_;
    L2Start start_;
};

ExitExpectation exits_by(const Pending& pending, ExitExpectation where) {
    where.exit_code = svm::exit_code_of(pending.intercept);
    return where;
}

/// L2 is in the handler of what was injected when the other event is looked at, with IF clear.
void beside_injection(Table& table, const L2Start& start, std::string_view name,
                      EventInformation injected) {
    const Delivery first{.vector =
                             static_cast<std::uint8_t>(injected.get(EventInformation::vector)),
                         .return_rip = at_start,
                         .rflags = enabled};
    const std::vector<Step> steps{vmcb_field(field::event_injection, injected.value)};
    const ExitExpectation handler = delivered(start, first);
    const auto row = [&](std::string_view title, const Pending& pending, bool intercepted,
                         bool masking, const ExitExpectation& exit, unsigned got) {
        table.row(std::string{name}, title, "APM2 15.20", pending, intercepted, masking, steps,
                  exit, got);
    };
    for (const bool intercepted : {true, false}) {
        row("The handler begins with IF clear, which holds the interrupt off.", interrupt,
            intercepted, false, handler, 1);
    }
    row("L1's IF admits it: it exits at the handler.", interrupt, true, true,
        exits_by(interrupt, handler), 1);
    row("L1's IF admits it: it interrupts the handler.", interrupt, false, true,
        delivered(start, first, interrupt.vector), 0);
    row("The NMI exits at the handler.", nmi, true, false, exits_by(nmi, handler), 1);
    row("The NMI interrupts the handler.", nmi, false, false, delivered(start, first, nmi.vector),
        0);
    row("The SMI exits at the handler.", smi, true, false, exits_by(smi, handler), 1);
    row("SMM comes back to the handler.", smi, false, false, handler, 1);
}

/// A virtual interrupt is still pending where something else was first.
void beside_virtual_interrupt(Table& table, const L2Start& start) {
    const auto offered = offered_interrupt(brought_vector);
    const std::vector<Step> steps{vmcb_field(field::virtual_interrupt, offered.value)};
    ExitExpectation at_entry;
    at_entry.rip = at_start;
    const auto handled = [&](std::uint8_t vector) {
        return delivered(start, {.vector = vector, .return_rip = at_start, .rflags = enabled});
    };
    const auto row = [&](std::string_view title, const Pending& pending, bool intercepted,
                         const ExitExpectation& exit, unsigned got) {
        table.row("virtual_interrupt", title, "APM2 15.21.4", pending, intercepted, false, steps,
                  exit, got);
    };
    row("The interrupt of the machine exits first.", interrupt, true, exits_by(interrupt, at_entry),
        1);
    row("L2 takes the interrupt of the machine first.", interrupt, false, handled(interrupt.vector),
        0);
    row("The NMI exits first.", nmi, true, exits_by(nmi, at_entry), 1);
    row("L2 takes the NMI first.", nmi, false, handled(nmi.vector), 0);
    row("The SMI exits first.", smi, true, exits_by(smi, at_entry), 1);
    ExitExpectation taken = handled(brought_vector);
    taken.fields.push_back({field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask()});
    row("It comes behind SMM.", smi, false, taken, 1);
}

void beside_physical(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        Table table{catalogue, start};
        beside_injection(table, start, "injected_interrupt",
                         EventInformation::event(EventType::interrupt, brought_vector));
        beside_injection(table, start, "injected_exception",
                         EventInformation::event(EventType::exception, 6));
        // Without V_NMI_ENABLE it is no NMI that would block the next one (spec: EI-NMI).
        beside_injection(table, start, "injected_nmi",
                         EventInformation::event(EventType::nmi, nmi.vector));
        beside_virtual_interrupt(table, start);
    });
}

const Registration registration{beside_physical};

} // namespace
} // namespace vmrunit::cases
