// SPDX-License-Identifier: GPL-2.0-only
// Delivery of an event that something else cuts short: an intercepted exception on the way to the
// handler, a nested page fault, a task switch. EXITINTINFO is then the event that was under way,
// and RIP has not moved. The events are injected, virtual ones, of L2's own instructions, or of the
// machine.
// APM2 15.7.2, 15.20.

#include "cases/event/under_way.hpp"
#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/tasks.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/svm/vmcb.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::ExitCode;
using svm::Intercept;
using svm::TaskSwitch;
using svm::VirtualInterrupt;

/// What few rows have.
struct Special {
    bool has_event = true; ///< EXITINTINFO.
    L1Modes l1_modes{};
    std::string_view manual = "APM2 15.7.2";
};

class Table {
public:
    explicit Table(Catalogue& catalogue) : catalogue_(catalogue) {}

    void add(std::string_view by, std::string_view title, const UnderWay& event,
             const std::vector<Step>& setup, ExitExpectation exit, const L2Start& start,
             const Special& special = {},
             const std::source_location& where = std::source_location::current()) {
        exit.rip = event.instruction.empty() ? at_start : at_insn;
        if (special.has_event) {
            exit.fields.push_back(being_delivered(event.event));
        }
        if (is_real_mode(start.mode)) {
            any_real_frame(exit);
        }
        // Cleared before the IDT is looked at; what SHUTDOWN stores is not said.
        if (event.is_virtual) {
            exit.fields.push_back({field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask(),
                                   special.has_event ? Match::equals : Match::free});
        }
        add_guest_case(
            catalogue_,
            {.name = "event/cut_short/" + std::string{by} + "/" + std::string{event.name},
             .title = title,
             .manual = special.manual,
             .program = event.instruction.empty() ? "nothing" : event.instruction,
             .steps = join(setup, brings(event, start.mode)),
             .exit = std::move(exit),
             .l1_modes = special.l1_modes},
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

/// INT n, injected or executed, is the program's own: nothing about it is external. APM2 8.4.1,
/// 15.20.
std::uint64_t judged_error_code(const UnderWay& event) {
    const auto software = static_cast<std::uint64_t>(EventType::software_interrupt);
    return event.event.get(EventInformation::type) == software ? 0xffff'ffff : external_unsettled;
}

void through_gate(Table& table, const UnderWay& event, const L2Start& start) {
    const std::uint8_t vector = vector_of(event.event);

    // The gate is not present: #NP, whose intercept comes before it would merge into #DF.
    ExitExpectation absent = exit_with(ExitCode::exception_np);
    absent.fields = {{field::exit_info_1, idt_error_code(vector), judged_error_code(event)}};
    table.add("np", "The gate is not present, and #NP is intercepted.", event,
              join(absent_gate(vector), {intercepting(Intercept::exception_np)}), absent, start);

    // The IDT ends before the gate: #GP.
    ExitExpectation beyond = exit_with(ExitCode::exception_gp);
    beyond.fields = {{field::exit_info_1, idt_error_code(vector), judged_error_code(event)}};
    table.add("gp", "The IDT ends before the gate, and #GP is intercepted.", event,
              {no_idt(), intercepting(Intercept::exception_gp)}, beyond, start);
}

/// What exits behind a task gate.
ExitExpectation switches_task(EventInformation event, L2Mode mode) {
    ExitExpectation exit = exit_with(ExitCode::task_switch);
    const bool has_code = event.test(EventInformation::error_code_valid);
    const std::uint64_t code =
        has_code ? TaskSwitch::error_code_valid.mask() | event.get(EventInformation::error_code)
                 : 0;
    const std::uint64_t judged = TaskSwitch::by_iret.mask() | TaskSwitch::by_far_jump.mask() |
                                 TaskSwitch::error_code_valid.mask() |
                                 (has_code ? TaskSwitch::error_code.mask() : 0);
    exit.fields = {{field::exit_info_1, tasks_of(mode).incoming_selector, 0xffff},
                   {field::exit_info_2, code, judged}};
    return exit;
}

std::vector<Step> behind_task_gate(std::uint8_t vector, L2Mode mode) {
    const Tasks& tasks = tasks_of(mode);
    return join(join(incoming_task(tasks), task_gate(tasks, vector)),
                {intercepting(Intercept::task_switch)});
}

void add_all(Table& table, const UnderWay& event, const L2Start& start) {
    const std::uint8_t vector = vector_of(event.event);
    if (!is_real_mode(start.mode)) {
        through_gate(table, event, start);
        if (!is_long_mode(start.mode)) {
            table.add("task_switch", "The gate leads to a task, and that is intercepted.", event,
                      behind_task_gate(vector, start.mode), switches_task(event.event, start.mode),
                      start, {.manual = "APM2 15.14.1"});
        }
    }

    // The page of the IDT is not mapped: #PF. CR2 keeps its value.
    const std::uint64_t gate = spare_page + vector * gate_size(start.mode);
    if (start.mode != L2Mode::real) {
        ExitExpectation unmapped = exit_with(ExitCode::exception_pf);
        unmapped.fields = {{field::exit_info_1, 0}, {field::exit_info_2, gate}};
        table.add("pf", "The IDT is not mapped, and #PF is intercepted.", event,
                  join(spare_page_absent(), {vmcb_field(field::idtr_base, spare_page),
                                             vmcb_field(field::cr2, 0x0bad'cafe),
                                             intercepting(Intercept::exception_pf)}),
                  unmapped, start);
    }

    if (start.nested_paging) {
        ExitExpectation nested = exit_with(ExitCode::npf);
        nested.fields = {{field::exit_info_1, 0x1'0000'0004}, {field::exit_info_2, gate}};
        table.add("npf", "The nested tables do not map the IDT.", event,
                  {spare_page_unmapped, vmcb_field(field::idtr_base, spare_page)}, nested, start);
        if (start.mode != L2Mode::real) {
            ExitExpectation walk = exit_with(ExitCode::npf);
            walk.fields = {{field::exit_info_1, table_of_spare_page},
                           {field::exit_info_2, spare_page}};
            table.add("npf_walk", "The nested tables do not map L2's own table for the IDT.", event,
                      join(spare_page_walks(), {vmcb_field(field::idtr_base, spare_page)}), walk,
                      start);
        }
    }

    // Nobody is left to deliver to. Bochs 2.7 dies of each, so one L1 is enough.
    ExitExpectation shutdown = exit_with(ExitCode::shutdown);
    shutdown.fields = {{field::exit_int_info, {}, ~std::uint64_t{0}, Match::free}};
    table.add("shutdown", "Without an IDT nothing can be delivered.", event, {no_idt()}, shutdown,
              start, {.has_event = false, .l1_modes = only_l1_long64});
}

/// The gate is found, and the stack that the frame is to go to is not there. Among the events is an
/// exception with an error code that L2 itself raises.
void on_the_stack(Table& table, const L2Start& start) {
    constexpr std::uint64_t page_bits = ~std::uint64_t{0xfff};
    constexpr std::uint64_t written = 2;
    constexpr std::uint64_t nested_write = 0x1'0000'0006;
    const Step elsewhere = vmcb_field(field::rsp, spare_page + 0x800);
    const auto row = [&](const UnderWay& event, const std::vector<Step>& setup) {
        ExitExpectation unmapped = exit_with(ExitCode::exception_pf);
        unmapped.fields = {{field::exit_info_1, written},
                           {field::exit_info_2, spare_page, page_bits}};
        table.add("pf_stack", "The stack is not mapped, and #PF is intercepted.", event,
                  join(join(spare_page_absent(), {elsewhere, vmcb_field(field::cr2, 0x0bad'cafe),
                                                  intercepting(Intercept::exception_pf)}),
                       setup),
                  unmapped, start);
        if (start.nested_paging) {
            ExitExpectation nested = exit_with(ExitCode::npf);
            nested.fields = {{field::exit_info_1, nested_write},
                             {field::exit_info_2, spare_page, page_bits}};
            table.add("npf_stack", "The nested tables do not map the stack.", event,
                      join({spare_page_unmapped, elsewhere}, setup), nested, start);
        }
    };
    for (const UnderWay& event : under_way) {
        if (may_come(event, start.mode)) {
            row(event, {});
        }
    }
    constexpr std::uint8_t absent = 0x40;
    row({"executed_np", EventInformation::event(EventType::exception, 11, idt_error_code(absent)),
         false, "int_40"},
        absent_gate(absent));
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
        row("npf", "The nested tables do not map the stack.", join(setup, {spare_page_unmapped}),
            nested);
    }
}

/// An event of the machine, which L2 takes: it is acknowledged, and then does not come to its
/// handler. It is in EXITINTINFO, and L1 must not have it a second time.
void of_the_machine(Catalogue& catalogue, const OfTheMachine& event, L2Mode mode,
                    bool nested_paging) {
    const std::uint8_t vector = vector_of(event.event);
    const auto row = [&](const std::string& by, std::string_view title, std::string_view manual,
                         std::vector<Step> steps, ExitExpectation exit) {
        exit.rip = at_insn;
        exit.fields.push_back(being_delivered(event.event));
        if (is_real_mode(mode)) {
            any_real_frame(exit);
        }
        CallExpectation count;
        count.values = {{.value = 0, .what = std::string{event.what}}};
        steps = join(std::move(steps),
                     {vmcb_set(field::rflags, svm::rflags::if_),
                      Call{"pend_own_event", event.argument}, Run{}, Call{"count_own_event"}});
        std::string name = "event/cut_short/" + by + "/" + std::string{event.name};
        if (mode != L2Mode::long64) {
            name += "/in_" + std::string{l2_mode_names[static_cast<unsigned>(mode)]};
        }
        add_l1_case(catalogue, {.name = name,
                                .title = title,
                                .manual = manual,
                                .needs = svm::Feature::apic,
                                .mode = mode,
                                .nested_paging = nested_paging,
                                .l1_modes = all_l1_modes,
                                .steps = std::move(steps),
                                .expectations = {CallExpectation{}, exit, count},
                                .named_by_paging = true});
    };
    if (!is_real_mode(mode)) {
        constexpr std::uint32_t external = 1;
        ExitExpectation absent = exit_with(ExitCode::exception_np);
        absent.fields = {{field::exit_info_1, idt_error_code(vector) | external}};
        row("np", "The gate is not present, and #NP is intercepted.", "APM2 15.7.2",
            join(absent_gate(vector), {intercepting(Intercept::exception_np)}), absent);
    }
    if (!is_real_mode(mode) && !is_long_mode(mode)) {
        row("task_switch", "The gate leads to a task, and that is intercepted.", "APM2 15.14.1",
            behind_task_gate(vector, mode), switches_task(event.event, mode));
    }
    if (!nested_paging) {
        return;
    }
    const Step idt = vmcb_field(field::idtr_base, spare_page);
    ExitExpectation nested = exit_with(ExitCode::npf);
    nested.fields = {{field::exit_info_1, 0x1'0000'0004},
                     {field::exit_info_2, spare_page + vector * gate_size(mode)}};
    row("npf", "The nested tables do not map the IDT.", "APM2 15.7.2, 15.25.6",
        {spare_page_unmapped, idt}, nested);
    if (mode != L2Mode::real) {
        ExitExpectation walk = exit_with(ExitCode::npf);
        walk.fields = {{field::exit_info_1, table_of_spare_page}, {field::exit_info_2, spare_page}};
        row("npf_walk", "The nested tables do not map L2's own table for the IDT.",
            "APM2 15.7.2, 15.25.6", join(spare_page_walks(), {idt}), walk);
    }
    if (!is_16bit(mode)) { // Their stacks lie below.
        ExitExpectation stack = exit_with(ExitCode::npf);
        stack.fields = {{field::exit_info_1, 0x1'0000'0006},
                        {field::exit_info_2, spare_page, ~std::uint64_t{0xfff}}};
        row("npf_stack", "The nested tables do not map the stack.", "APM2 15.7.2, 15.25.6",
            {spare_page_unmapped, vmcb_field(field::rsp, spare_page + 0x800)}, stack);
    }
}

void cut_short(Catalogue& catalogue) {
    Table table{catalogue};
    each_start([&](const L2Start& start) {
        if (start.cpl == 0 && !is_16bit(start.mode)) {
            merged(catalogue, start);
            on_the_stack(table, start);
        }
        if (start.cpl == lowest_cpl(start.mode)) {
            for (const OfTheMachine& event : machine_events) {
                of_the_machine(catalogue, event, start.mode, start.nested_paging);
            }
        }
        for (const UnderWay& event : under_way) {
            if (may_come(event, start.mode)) {
                add_all(table, event, start);
            }
        }
    });
}

const Registration registration{cut_short};

} // namespace
} // namespace vmrunit::cases
