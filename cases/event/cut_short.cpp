// SPDX-License-Identifier: GPL-2.0-only
// Delivery of an injected event that something else cuts short: an intercepted exception on the way
// to the handler, or a nested page fault. EXITINTINFO is then the event that was injected, and RIP
// has not moved. APM2 15.7.2, 15.20.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::ExitCode;
using svm::Intercept;

struct Injected {
    std::string_view name;
    EventInformation event;
};

constexpr Injected events[] = {
    {"interrupt", EventInformation::event(EventType::interrupt, 0x40)},
    {"interrupt_13", EventInformation::event(EventType::interrupt, 13)},
    {"nmi", EventInformation::event(EventType::nmi, 2)},
    {"int_n", EventInformation::event(EventType::software_interrupt, 0x40)},
    {"ud", EventInformation::event(EventType::exception, 6)},
    {"db", EventInformation::event(EventType::exception, 1)},
    {"gp", EventInformation::event(EventType::exception, 13, 0x18)},
    {"pf", EventInformation::event(EventType::exception, 14, 7)},
};

std::uint8_t vector_of(EventInformation event) {
    return static_cast<std::uint8_t>(event.get(EventInformation::vector));
}

/// Bytes of a gate.
std::uint64_t gate_size(L2Mode mode) {
    return is_long_mode(mode) ? 16 : 8;
}

class Table {
public:
    explicit Table(Catalogue& catalogue) : catalogue_(catalogue) {}

    void add(std::string_view by, std::string_view title, const Injected& injected,
             std::vector<Step> setup, ExitExpectation exit, const L2Start& start,
             bool has_event = true, const L1Modes& l1_modes = {},
             const std::source_location& where = std::source_location::current()) {
        setup.emplace_back(vmcb_field(field::event_injection, injected.event.value));
        setup.emplace_back(vmcb_field(field::next_rip, at_start));
        exit.rip = at_start;
        if (has_event) {
            exit.fields.push_back(being_delivered(injected.event));
        }
        add_guest_case(
            catalogue_,
            {.name = "event/cut_short/" + std::string{by} + "/" + std::string{injected.name},
             .title = title,
             .manual = "APM2 15.7.2",
             .steps = std::move(setup),
             .exit = std::move(exit),
             .l1_modes = l1_modes},
            start, where);
    }

private:
    Catalogue& catalogue_;
};

ExitExpectation exit_with(ExitCode code) {
    ExitExpectation exit;
    exit.exit_code = code;
    return exit;
}

void add_all(Table& table, const Injected& injected, const L2Start& start) {
    const std::uint8_t vector = vector_of(injected.event);

    // The gate is not present: #NP, whose intercept comes before it would merge into #DF.
    ExitExpectation absent = exit_with(ExitCode::exception_np);
    absent.fields = {{field::exit_info_1, idt_error_code(vector), external_unsettled}};
    table.add("np", "The gate is not present, and #NP is intercepted.", injected,
              join(absent_gate(vector), {intercepting(Intercept::exception_np)}), absent, start);

    // The IDT ends before the gate: #GP.
    ExitExpectation beyond = exit_with(ExitCode::exception_gp);
    beyond.fields = {{field::exit_info_1, idt_error_code(vector), external_unsettled}};
    table.add("gp", "The IDT ends before the gate, and #GP is intercepted.", injected,
              {no_idt(), intercepting(Intercept::exception_gp)}, beyond, start);

    // The page of the IDT is not mapped: #PF. CR2 keeps its value.
    const std::uint64_t gate = spare_page + vector * gate_size(start.mode);
    ExitExpectation unmapped = exit_with(ExitCode::exception_pf);
    unmapped.fields = {{field::exit_info_1, 0}, {field::exit_info_2, gate}};
    table.add("pf", "The IDT is not mapped, and #PF is intercepted.", injected,
              join(spare_page_absent(),
                   {vmcb_field(field::idtr_base, spare_page), vmcb_field(field::cr2, 0x0bad'cafe),
                    intercepting(Intercept::exception_pf)}),
              unmapped, start);

    if (start.nested_paging) {
        ExitExpectation nested = exit_with(ExitCode::npf);
        nested.fields = {{field::exit_info_1, 0x1'0000'0004}, {field::exit_info_2, gate}};
        table.add("npf", "The nested tables do not map the IDT.", injected,
                  {Write{wire::Op::Code::write, Region::nested_pd, 3 * page_size, 8, 0},
                   vmcb_field(field::idtr_base, spare_page)},
                  nested, start);
    }

    // Nobody is left to deliver to. Bochs dies here, so there is one case of each.
    if (start != L2Start{}) {
        return;
    }
    ExitExpectation shutdown = exit_with(ExitCode::shutdown);
    shutdown.fields = {{field::exit_int_info, {}, ~std::uint64_t{0}, Match::free}};
    table.add("shutdown", "Without an IDT nothing can be delivered.", injected, {no_idt()},
              shutdown, start, false, only_l1_long64);
}

/// #GP finds no gate, and that merges into #DF; the stack that #DF would push on is not there.
/// Three exceptions would be a shutdown, but an intercept comes before they are counted.
/// EXITINTINFO is the #DF: what merged into it is no more.
void merged(Catalogue& catalogue, const L2Start& start) {
    constexpr std::uint64_t stack = spare_page + 0x800;
    constexpr std::uint64_t page_bits = ~std::uint64_t{0xfff};
    constexpr std::uint64_t written = 2;
    constexpr std::uint64_t nested_write = 0x1'0000'0006;
    const std::vector<Step> setup = join(
        {l2_register(Register::rbx, beyond_gdt), vmcb_field(field::rsp, stack)}, absent_gate(13));
    const FieldExpectation double_fault =
        being_delivered(EventInformation::event(EventType::exception, 8, 0));
    const auto row = [&](const std::string& name, std::string_view title, std::vector<Step> steps,
                         ExitExpectation exit) {
        exit.fields.push_back({field::exit_info_2, spare_page, page_bits});
        exit.fields.push_back(double_fault);
        add_guest_case(catalogue,
                       {.name = "event/cut_short/" + name + "/merged_df",
                        .title = title,
                        .manual = "APM2 15.7.2",
                        .program = "raise_gp",
                        .steps = std::move(steps),
                        .exit = std::move(exit)},
                       start);
    };
    ExitExpectation unmapped = exit_with(ExitCode::exception_pf);
    unmapped.fields = {{field::exit_info_1, written}};
    row("pf", "The stack is not mapped, and #PF is intercepted.",
        join(join(setup, spare_page_absent()), {intercepting(Intercept::exception_pf)}), unmapped);
    if (start.nested_paging) {
        ExitExpectation nested = exit_with(ExitCode::npf);
        nested.fields = {{field::exit_info_1, nested_write}};
        row("npf", "The nested tables do not map the stack.",
            join(setup, {Write{wire::Op::Code::write, Region::nested_pd, 3 * page_size, 8, 0}}),
            nested);
    }
}

/// An interrupt of the machine, which L2 takes: it is acknowledged, and its gate is not present.
void of_the_machine(Catalogue& catalogue) {
    constexpr std::uint8_t vector = 0x51; ///< What the routine sends.
    constexpr std::uint32_t external = 1;
    for (const bool nested_paging : {true, false}) {
        ExitExpectation absent = exit_with(ExitCode::exception_np);
        absent.rip = at_insn;
        absent.fields = {{field::exit_info_1, idt_error_code(vector) | external},
                         being_delivered(EventInformation::event(EventType::interrupt, vector))};
        CallExpectation count;
        count.values = {{.value = 0, .what = "interrupts that L1 got"}};
        add_l1_case(
            catalogue,
            {.name = "event/cut_short/np/physical_interrupt",
             .title = "The gate is not present, and #NP is intercepted.",
             .manual = "APM2 15.7.2",
             .needs = svm::Feature::apic,
             .nested_paging = nested_paging,
             .steps = join(absent_gate(vector),
                           {intercepting(Intercept::exception_np),
                            vmcb_field(field::rflags, svm::rflags::always_one | svm::rflags::if_),
                            Call{"pend_own_event"}, Run{}, Call{"count_own_event"}}),
             .expectations = {CallExpectation{}, absent, count},
             .named_by_paging = true});
    }
}

void cut_short(Catalogue& catalogue) {
    Table table{catalogue};
    of_the_machine(catalogue);
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            for (const bool nested_paging : {true, false}) {
                if (cpl == 0) {
                    merged(catalogue, {mode, cpl, nested_paging});
                }
                for (const Injected& injected : events) {
                    add_all(table, injected, {mode, cpl, nested_paging});
                }
            }
        }
    }
}

const Registration registration{cut_short};

} // namespace
} // namespace vmrunit::cases
