// SPDX-License-Identifier: GPL-2.0-only
// Events that are pending when L2 begins: physical interrupts and NMIs, which L1 sends to itself
// with GIF clear, and virtual interrupts. They are taken before L2's first instruction. An event
// that exits stays pending and arrives in L1, which counts; one that does not arrives in L2's
// handler. APM2 15.13, 15.21.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;
using svm::InterruptShadow;
using svm::VirtualInterrupt;
using Kind = InterceptUse::Kind;

constexpr std::uint64_t enabled = svm::rflags::always_one | svm::rflags::if_;
constexpr std::uint8_t virtual_vector = 0x40;

/// What the routine pend_own_event sends.
struct PhysicalEvent {
    std::string_view subject;
    Intercept intercept;
    std::string_view manual;
    std::uint32_t argument;
    std::uint8_t vector;
    std::uint64_t rflags; ///< With which L2 takes it.
};
constexpr PhysicalEvent interrupt{"intr", Intercept::intr, "APM2 15.13.1", 0, 0x51, enabled};
constexpr PhysicalEvent nmi{"nmi", Intercept::nmi, "APM2 15.13.2", 1, 2, svm::rflags::always_one};
/// L1's IF is set while L2 runs.
constexpr std::uint32_t l1_takes_interrupts = 0x10;

struct EventRow {
    const PhysicalEvent& event;
    std::string what; ///< "taken", "v_intr_masking/l1_disabled"
    std::string_view title;
    Kind kind;
    std::vector<Step> setup;
    std::uint32_t argument = 0; ///< Added to the event's.
};

/// Who has the event in the end.
enum class Taker : std::uint8_t { l1_by_exit, l2, l1_later };

ExitExpectation exit_of(const EventRow& row, Taker taker, const L2Start& start) {
    if (taker == Taker::l2) {
        return delivered(
            start,
            {.vector = row.event.vector, .return_rip = at_start, .rflags = row.event.rflags});
    }
    ExitExpectation exit;
    if (taker == Taker::l1_by_exit) {
        exit.exit_code = svm::exit_code_of(row.event.intercept);
        exit.rip = at_start;
    }
    return exit; // Else the program's VMMCALL exits: the expectation's defaults.
}

Case event_case(const EventRow& row, Taker taker, const L2Start& start,
                const std::source_location& where) {
    Case made;
    made.start = start;
    made.name =
        full_name("intercept/" + std::string{row.event.subject} + "/" + row.what, {}, made.start);
    made.title = row.title;
    made.manual = row.event.manual;
    made.file = project_path(where.file_name());
    made.line = where.line();
    made.program = "nothing";
    made.needs.set(Feature::apic);
    if (start.nested_paging) {
        made.needs.set(Feature::np);
    }
    made.steps = row.setup;
    made.steps.emplace_back(Call{"pend_own_event", row.event.argument + row.argument});
    made.steps.emplace_back(Run{});
    made.steps.emplace_back(Call{"count_own_event"});
    CallExpectation count;
    count.values = {{.value = taker == Taker::l2 ? 0u : 1u, .what = "events that L1 got"}};
    made.expectations = {CallExpectation{}, exit_of(row, taker, made.start), count};
    made.intercepts = {{row.event.intercept, row.kind}};
    return made;
}

void add(Catalogue& catalogue, const EventRow& row, Taker taker,
         const std::source_location& where = std::source_location::current()) {
    each_start([&](L2Start start) {
        each_l1_mode(all_l1_modes, [&](L1Mode l1) {
            start.l1 = l1;
            catalogue.add(event_case(row, taker, start, where));
        });
    });
}

/// VM stays set where L2's mode has it.
Step flags(std::uint64_t rflags) {
    return vmcb_set(field::rflags, rflags);
}

std::vector<Step> operator+(std::vector<Step> left, const std::vector<Step>& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

// clang-format off

void physical(Catalogue& catalogue, const PhysicalEvent& event) {
    const std::vector<Step> ready{flags(event.rflags)};
    const std::vector<Step> set{intercepting(event.intercept)};
    const std::vector<Step> others = all_other_intercepts(event.intercept);
    add(catalogue, {event, "taken", "It exits before L2's first instruction, and L1 gets it.",
                    Kind::taken, ready + set}, Taker::l1_by_exit);
    add(catalogue, {event, "taken_all_others", "With all other intercepts set it is this one.",
                    Kind::taken_all_others, ready + others + set}, Taker::l1_by_exit);
    add(catalogue, {event, "not_taken", "Without the intercept L2 takes it, by its own IDT.",
                    Kind::not_taken, ready}, Taker::l2);
    add(catalogue, {event, "not_taken_all_others", "With all other intercepts set L2 takes it.",
                    Kind::not_taken_all_others, ready + others}, Taker::l2);
}

/// Without V_INTR_MASKING it is L2's IF that holds interrupts off, with it L1's. APM2 15.21.1.
void who_holds_off(Catalogue& catalogue) {
    const std::vector<Step> set{intercepting(Intercept::intr)};
    const std::vector<Step> disabled{flags(svm::rflags::always_one)};
    const std::vector<Step> ready{flags(enabled)};
    const std::vector<Step> masking{vmcb_set(field::virtual_interrupt,
                                             VirtualInterrupt::v_intr_masking.mask())};
    add(catalogue, {interrupt, "if_clear", "L2's IF holds it off.", Kind::order,
                    set + disabled}, Taker::l1_later);
    add(catalogue, {interrupt, "if_clear_l1_enabled", "L1's IF does not matter.", Kind::order,
                    set + disabled, l1_takes_interrupts}, Taker::l1_later);
    add(catalogue, {interrupt, "v_intr_masking/l1_disabled", "L1's IF holds it off, not L2's.",
                    Kind::order, set + ready + masking}, Taker::l1_later);
    add(catalogue, {interrupt, "v_intr_masking/l1_enabled", "L2's IF does not matter.",
                    Kind::taken, set + disabled + masking, l1_takes_interrupts}, Taker::l1_by_exit);
    // NMIs do not ask any IF.
    PhysicalEvent other_nmi = nmi;
    other_nmi.rflags = enabled;
    add(catalogue, {other_nmi, "if_set", "An NMI exits whatever IF says.", Kind::taken,
                    ready + std::vector<Step>{intercepting(Intercept::nmi)}}, Taker::l1_by_exit);
    // An interrupt is no NMI, and the other way round.
    add(catalogue, {interrupt, "nmi_intercept", "The intercept of NMIs is not about interrupts.",
                    Kind::not_taken, ready + std::vector<Step>{intercepting(Intercept::nmi)}},
        Taker::l2);
    add(catalogue, {nmi, "intr_intercept", "The intercept of interrupts is not about NMIs.",
                    Kind::not_taken, disabled + set}, Taker::l2);
}

/// VINTR exits before V_IRQ is cleared. APM2 15.13.5.
void virtual_interrupt(InstructionTable& table) {
    const auto pending = [](unsigned priority, unsigned tpr, bool ignores_tpr) {
        return vmcb_field(field::virtual_interrupt,
                          VirtualInterrupt{}
                              .with(VirtualInterrupt::v_irq)
                              .with(VirtualInterrupt::v_tpr, tpr)
                              .with(VirtualInterrupt::v_ign_tpr, ignores_tpr)
                              .with(VirtualInterrupt::v_intr_prio, priority)
                              .with(VirtualInterrupt::v_intr_masking)
                              .with(VirtualInterrupt::v_intr_vector, virtual_vector)
                              .value);
    };
    const Step ready = flags(enabled);
    const Delivery taken{.vector = virtual_vector, .return_rip = at_start, .rflags = enabled};
    const Effect no_longer{
        .fields = {{field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask()}}};
    struct Row { std::string_view variant; Step control; };
    for (const Row& row : {Row{"", pending(15, 0, true)}, Row{"above_tpr", pending(6, 5, false)},
                           Row{"ignores_tpr", pending(0, 15, true)}}) {
        table.row({.subject = "vintr", .variant = row.variant, .program = "nothing",
                   .intercept = Intercept::vintr, .manual = "APM2 15.13.5",
                   .cpl3 = AtCpl3::same, .setup = {ready, row.control},
                   .executed = no_longer, .raises = taken});
    }
    // Where it is held off, the program's VMMCALL exits.
    const Step disabled = flags(svm::rflags::always_one);
    table.row({.subject = "vintr", .variant = "if_clear", .program = "nothing",
               .intercept = Intercept::vintr, .manual = "APM2 15.21.4",
               .cpl3 = AtCpl3::same, .setup = {disabled, pending(15, 0, true)},
               .reach = Reach::not_covered, .ends_with = ExitExpectation{}});
    for (const unsigned priority : {4u, 5u}) {
        const std::string variant = priority == 5 ? "at_tpr" : "below_tpr";
        table.row({.subject = "vintr", .variant = variant, .program = "nothing",
                   .intercept = Intercept::vintr, .manual = "APM2 15.21.4",
                   .cpl3 = AtCpl3::same, .setup = {ready, pending(priority, 5, false)},
                   .reach = Reach::not_covered, .ends_with = ExitExpectation{}});
    }
    table.row({.subject = "vintr", .variant = "in_shadow", .program = "nothing",
               .intercept = Intercept::vintr, .manual = "APM2 15.21.5",
               .cpl3 = AtCpl3::same,
               .setup = {ready, pending(15, 0, true),
                         vmcb_set(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask())},
               .reach = Reach::not_covered, .ends_with = ExitExpectation{}});
    table.row({.subject = "vintr", .variant = "not_pending", .program = "nothing",
               .intercept = Intercept::vintr, .manual = "APM2 15.13.5",
               .cpl3 = AtCpl3::same, .setup = {ready},
               .reach = Reach::not_covered, .ends_with = ExitExpectation{}});
}

// clang-format on

void events(Catalogue& catalogue) {
    physical(catalogue, interrupt);
    physical(catalogue, nmi);
    who_holds_off(catalogue);
    InstructionTable table{catalogue};
    virtual_interrupt(table);
}

const Registration registration{events};

} // namespace
} // namespace vmrunit::cases
