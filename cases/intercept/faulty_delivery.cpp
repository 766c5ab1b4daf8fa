// SPDX-License-Identifier: GPL-2.0-only
// Exceptions that come up while another event is being delivered: broken gates and stacks, #DF,
// shutdown. EXITINTINFO names the event that was under way. APM2 8.2.9, 8.2.11, 15.7.2, 15.12.9,
// 15.14.3.

#include "cases/intercept/exception_row.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/segment.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::Intercept;

/// A free entry of L2's GDT; rows put code for ring 1 there.
constexpr std::uint16_t ring1_code = 0x90;
static_assert(ring1_code + 8u <= beyond_gdt);

Write gdt_entry(std::uint16_t selector, svm::SegmentAttributes attributes) {
    return {wire::Op::Code::write, Region::l2_memory,
            static_cast<std::uint32_t>(offsetof(L2Memory, gdt)) + selector, 8,
            svm::descriptor_of_segment({selector, attributes, world::flat_limit, 0})};
}

/// Whether the #DF that led to a shutdown counts as being delivered is not said.
FieldExpectation any_event() {
    return {field::exit_int_info, {}, ~std::uint64_t{0}, Match::free};
}

// clang-format off

/// INT 40h through a gate to ring 1, whose stack cannot be had: the TSS ends before RSP1 in long
/// mode, and has a ring 0 selector for SS1 elsewhere. APM2 8.2.11.
void invalid_tss(InstructionTable& table) {
    struct Way {
        Modes modes;
        svm::SegmentAttributes code;
        Region idt;
        std::uint32_t gate_size;
        Step broken;
        std::uint16_t error_code;
    };
    constexpr std::uint32_t vector = 0x40;
    constexpr std::uint32_t ss1 = offsetof(L2Memory, tss32) + 0x10;
    constexpr std::uint32_t ss1_16 = offsetof(L2Memory, tss16) + 8;
    for (const Way& way : {
             Way{{true, true, false, false}, svm::code64_attributes(1), Region::idt, 16,
                 vmcb_field(field::tr_limit, 11), l2_selector::tss64},
             Way{{false, false, true, true}, svm::code32_attributes(1), Region::legacy_idt, 8,
                 Write{wire::Op::Code::write, Region::l2_memory, ss1, 2, l2_selector::data},
                 l2_selector::data},
             Way{only_prot16, svm::code16_attributes(1), Region::idt16, 8,
                 Write{wire::Op::Code::write, Region::l2_memory, ss1_16, 2, l2_selector::data16},
                 l2_selector::data16}}) {
        exception(table, {.program = "int_40",
                          .delivery = {.vector = 10, .error_code = way.error_code},
                          .modes = way.modes, .cpl3 = AtCpl3::only,
                          .setup = {way.broken, gdt_entry(ring1_code, way.code),
                                    Write{wire::Op::Code::write, way.idt,
                                          vector * way.gate_size + 2, 2, ring1_code}},
                          .in_delivery = EventInformation::event(EventType::software_interrupt,
                                                                 vector),
                          .reaches_idt = true,
                          .also_meets = {Intercept::int_n}});
    }
    // From virtual-8086 mode there is a way to ring 0 only, whose stack #TS needs, too.
    constexpr std::uint32_t ss0 = offsetof(L2Memory, tss32) + 8;
    table.row({.subject = "exception_ts", .variant = "stack_of_int_n", .program = "int_40",
               .intercept = Intercept::exception_ts, .manual = "APM2 8.2.11, 8.7",
               .modes = only_v86, .cpl3 = AtCpl3::only,
               .setup = {vmcb_set(field::rflags, svm::rflags::iopl),
                         Write{wire::Op::Code::write, Region::l2_memory, ss0, 2,
                               l2_selector::user_data & ~3u}},
               .taken_fields = {being_delivered(EventInformation::event(
                                    EventType::software_interrupt, vector))},
               .also_meets = {Intercept::int_n}, .runs_without_intercept = false});
}

/// #NP while an event is being delivered. EXITINTINFO says which (spec: XI-WHEN, EXC-SECOND).
void absent_gates(InstructionTable& table) {
    exception(table, {.variant = "gate_of_int_n", .program = "int_40",
                      .delivery = {.vector = 11, .error_code = idt_error_code(0x40)},
                      .modes = protected_modes,
                      .setup = absent_gate(0x40),
                      .in_delivery = EventInformation::event(EventType::software_interrupt, 0x40),
                      .reaches_idt = true, .also_meets = {Intercept::int_n}});
    exception(table, {.variant = "gate_of_ud", .program = "raise_ud",
                      .delivery = {.vector = 11, .error_code = idt_error_code(6),
                                   .error_code_mask = external_unsettled},
                      .modes = gated_modes,
                      .setup = absent_gate(6),
                      .in_delivery = EventInformation::event(EventType::exception, 6),
                      .reaches_idt = true, .also_meets = {Intercept::exception_ud}});
    // #GP then #NP: without the intercept they merge into #DF; an intercept of that comes later.
    const std::vector<Step> setup =
        join({l2_register(Register::rbx, beyond_gdt)}, absent_gate(13));
    const std::vector<FieldExpectation> taken{
        {field::exit_info_1, idt_error_code(13), external_unsettled},
        being_delivered(EventInformation::event(EventType::exception, 13, beyond_gdt))};
    table.row({.subject = "exception_np", .variant = "gate_of_gp", .program = "raise_gp",
               .intercept = Intercept::exception_np, .manual = "APM2 15.12",
               .modes = protected_modes, .cpl3 = AtCpl3::same, .setup = setup, .taken_fields = taken,
               .raises = Delivery{.vector = 8, .error_code = 0, .return_rip_defined = false},
               .also_meets = {Intercept::exception_gp, Intercept::exception_df}});
    table.row({.subject = "exception_np", .variant = "gate_of_gp_df_too", .program = "raise_gp",
               .intercept = Intercept::exception_np, .manual = "APM2 15.12",
               .modes = protected_modes, .cpl3 = AtCpl3::same,
               .setup = join(setup, {intercepting(Intercept::exception_df)}),
               .taken_fields = taken, .also_meets = {Intercept::exception_gp},
               .runs_without_intercept = false});
}

/// Error codes of events from outside have EXT set: an interrupt that VMRUN injects and that finds no
/// gate. INT n's have it clear. APM2 8.4.1, 15.20.
void outside_events(InstructionTable& table) {
    constexpr std::uint8_t vector = 0x40;
    constexpr std::uint32_t external = 1;
    const EventInformation injected = EventInformation::event(EventType::interrupt, vector);
    const Step injects = vmcb_field(field::event_injection, injected.value);
    exception(table, {.variant = "gate_of_interrupt", .program = "nothing",
                      .delivery = {.vector = 11, .error_code = idt_error_code(vector) | external,
                                   .return_rip = at_start},
                      .modes = flat_modes, .setup = join({injects}, absent_gate(vector)),
                      .in_delivery = injected, .reaches_idt = true});
    exception(table, {.variant = "gate_of_int_n", .program = "int_40",
                      .delivery = {.vector = 13, .error_code = idt_error_code(vector)},
                      .modes = protected_modes, .cpl3 = AtCpl3::only, .setup = closed_gate(vector),
                      .in_delivery = EventInformation::event(EventType::software_interrupt, vector),
                      .reaches_idt = true, .also_meets = {Intercept::int_n}});
    for (const auto& [modes, gate_size] : {std::pair{Modes{true, true, false, false}, 16u},
                                           std::pair{Modes{false, false, true, true}, 8u}}) {
        exception(table, {.variant = "interrupt_beyond_idt", .program = "nothing",
                          .delivery = {.vector = 13,
                                       .error_code = idt_error_code(vector) | external,
                                       .return_rip = at_start},
                          .modes = modes,
                          .setup = {injects, vmcb_field(field::idtr_limit, vector * gate_size - 1)},
                          .in_delivery = injected, .reaches_idt = true});
    }
}

/// An interrupt from outside that is to have the stack segment of the TSS, which is not present; so
/// #SS could not be delivered either. APM2 8.2.13, 8.4.1.
void outside_stack(InstructionTable& table) {
    constexpr std::uint8_t vector = 0x40;
    constexpr std::uint32_t external = 1;
    constexpr std::uint32_t ss0 = offsetof(L2Memory, tss32) + 8;
    const EventInformation injected = EventInformation::event(EventType::interrupt, vector);
    table.row({.subject = "exception_ss", .variant = "stack_of_interrupt", .program = "nothing",
               .intercept = Intercept::exception_ss, .manual = "APM2 8.2.13, 8.4.1",
               .modes = {false, false, true, true}, .cpl3 = AtCpl3::only,
               .setup = {vmcb_field(field::event_injection, injected.value),
                         Write{wire::Op::Code::write, Region::l2_memory, ss0, 2,
                               l2_selector::absent_data}},
               .taken_rip = at_start,
               .taken_fields = {{field::exit_info_1, l2_selector::absent_data | external},
                                being_delivered(injected)},
               .runs_without_intercept = false});
}

/// Selectors of the LDT, which here is another view of the GDT. APM2 8.4.1.
void local_descriptors(InstructionTable& table) {
    constexpr std::uint16_t in_ldt = 4;
    const std::vector<Step> ldt{
        vmcb_field(field::ldtr_selector, l2_selector::ldt),
        vmcb_field(field::ldtr_attributes,
                   svm::system_attributes(svm::segment_type::ldt).value),
        vmcb_field(field::ldtr_limit, sizeof(L2Memory::gdt) - 1),
        vmcb_field(field::ldtr_base, in_memory(offsetof(L2Memory, gdt)))};
    struct Row { std::string_view program; std::uint8_t vector; std::uint16_t selector; };
    for (const Row& row : {Row{"raise_np", 11, l2_selector::absent_data | in_ldt},
                           Row{"raise_ss", 12, l2_selector::absent_data | in_ldt},
                           Row{"raise_gp", 13, beyond_gdt | in_ldt}}) {
        exception(table, {.variant = "ldt", .program = row.program,
                          .delivery = {.vector = row.vector, .error_code = row.selector},
                          .modes = protected_modes, .cpl3 = AtCpl3::not_run,
                          .setup = join({l2_register(Register::rbx, row.selector)}, ldt)});
    }
}

/// #NP while #GP is being delivered: the intercept is looked at once they have merged, before the
/// gate of #DF. What merged is over then, so EXITINTINFO is empty (spec: XI-DFX). APM2 8.2.9,
/// 15.12.9.
void double_fault(InstructionTable& table) {
    const Delivery delivery{.vector = 8, .error_code = 0, .return_rip_defined = false};
    const std::vector<Step> setup =
        join({l2_register(Register::rbx, beyond_gdt)}, absent_gate(13));
    exception(table, {.variant = "contributory", .program = "raise_gp", .delivery = delivery,
                      .modes = protected_modes, .setup = setup, .reaches_idt = true,
                      .also_meets = {Intercept::exception_gp, Intercept::exception_np}});
    table.row({.subject = "exception_df", .variant = "no_gate", .program = "raise_gp",
               .intercept = Intercept::exception_df, .manual = "APM2 15.12.9",
               .modes = protected_modes, .cpl3 = AtCpl3::same, .setup = join(setup, absent_gate(8)),
               .taken_fields = {any_rip()},
               .also_meets = {Intercept::exception_gp, Intercept::exception_np},
               .runs_without_intercept = false});
    // #DE is contributory as #GP is.
    exception(table, {.variant = "divide_error", .program = "raise_de", .delivery = delivery,
                      .modes = gated_modes,
                      .setup = join({l2_register(Register::rbx, 0)}, absent_gate(0)),
                      .reaches_idt = true,
                      .also_meets = {Intercept::exception_de, Intercept::exception_np}});
    // An IDT that ends behind the gate of #DF: #GP, and #GP again. Real mode has no other way.
    struct Width { Modes modes; std::uint32_t gate_size; };
    for (const Width& width : {Width{only_prot16 | only_v86, 8}, Width{real_modes, 4}}) {
        exception(table, {.variant = "beyond_idt", .program = "read_through_ds",
                          .delivery = delivery, .modes = width.modes,
                          .setup = {l2_register(Register::rdi, 0x1'0000 - 3),
                                    vmcb_field(field::idtr_limit, 13 * width.gate_size - 1)},
                          .reaches_idt = true, .also_meets = {Intercept::exception_gp}});
    }
    for (const Width& width : {Width{{true, true, false, false}, 16},
                               Width{{false, false, true, true}, 8}}) {
        exception(table, {.variant = "beyond_idt", .program = "raise_gp", .delivery = delivery,
                          .modes = width.modes,
                          .setup = {l2_register(Register::rbx, beyond_gdt),
                                    vmcb_field(field::idtr_limit, 13 * width.gate_size - 1)},
                          .reaches_idt = true, .also_meets = {Intercept::exception_gp}});
        exception(table, {.variant = "page_fault_beyond_idt", .program = "raise_pf_read",
                          .delivery = delivery, .modes = width.modes,
                          .setup = join({l2_register(Register::rdi, spare_page),
                                         vmcb_field(field::idtr_limit, 14 * width.gate_size - 1)},
                                        spare_page_absent()),
                          .written_first = {.fields = {{field::cr2, spare_page}}},
                          .reaches_idt = true,
                          .also_meets = {Intercept::exception_pf, Intercept::exception_gp}});
    }
}

/// #PF while an event is being delivered: L2's stack lies where no page is. Behind #PF it makes
/// #DF, behind a contributory exception it stays #PF. Where L2 is to survive, gates with a stack of
/// their own lead to the handler. APM2 8.2.9, 8.9.3.
void faults_on_the_stack(InstructionTable& table) {
    constexpr std::uint64_t stack = spare_page + 0x800;
    constexpr std::uint64_t in_page = 0xfff; // Which slot is written first is not said.
    constexpr std::uint32_t write = 2; // Error code of a page fault.
    constexpr std::uint32_t ist = 4;   // Of a gate.
    constexpr std::uint32_t ist1 = offsetof(L2Memory, tss64) + 0x24;
    const auto own_stack = [&](std::uint8_t vector) {
        return std::vector<Step>{
            Write{wire::Op::Code::write, Region::l2_memory, ist1, 8, in_memory(l2_stack_end)},
            Write{wire::Op::Code::write, Region::idt, vector * 16u + ist, 1, 1}};
    };
    const std::vector<Step> no_stack = join({vmcb_field(field::rsp, stack)}, spare_page_absent());
    const Modes long_modes{true, true, false, false};
    const auto free = [](svm::FieldRef place, std::uint64_t mask = ~std::uint64_t{0}) {
        return FieldExpectation{place, {}, mask, Match::free};
    };
    // Whether a new stack at the same privilege level leaves SS alone is not what these rows ask.
    const std::vector<FieldExpectation> free_ss{free(field::ss_selector),
                                                free(field::ss_attributes), free(field::ss_limit),
                                                free(field::ss_base)};
    Effect second_fault{.fields = free_ss};
    second_fault.fields.push_back({field::cr2, stack, ~in_page});
    second_fault.fields.push_back(free(field::cr2, in_page));

    const std::vector<Step> page_fault = join({l2_register(Register::rdi, spare_page)}, no_stack);
    exception(table, {.variant = "page_fault_twice", .program = "raise_pf_read",
                      .delivery = {.vector = 8, .error_code = 0, .return_rip_defined = false,
                                   .outer_rsp = stack},
                      .modes = long_modes, .cpl3 = AtCpl3::not_run,
                      .setup = join(page_fault, own_stack(8)),
                      .written_first = {.fields = {free(field::cr2)}},
                      .written_last = {.fields = free_ss},
                      .reaches_idt = true, .also_meets = {Intercept::exception_pf}});

    const std::vector<Step> contributory =
        join(join({l2_register(Register::rbx, beyond_gdt)}, no_stack), own_stack(14));
    table.row({.subject = "exception_pf", .variant = "stack_of_gp", .program = "raise_gp",
               .intercept = Intercept::exception_pf, .manual = "APM2 8.2.9",
               .modes = long_modes, .setup = contributory,
               .taken_fields = {{field::exit_info_1, write},
                                {field::exit_info_2, stack, ~in_page},
                                free(field::exit_info_2, in_page),
                                being_delivered(EventInformation::event(EventType::exception, 13,
                                                                        beyond_gdt))},
               .executed = second_fault,
               .raises = Delivery{.vector = 14, .error_code = write, .outer_rsp = stack},
               .also_meets = {Intercept::exception_gp}});
    // It is no #DF, whose intercept does not matter.
    table.row({.subject = "exception_df", .variant = "contributory_then_page_fault",
               .program = "raise_gp", .intercept = Intercept::exception_df,
               .manual = "APM2 8.2.9", .modes = long_modes, .setup = contributory,
               .reach = Reach::not_covered,
               .executed = second_fault,
               .raises = Delivery{.vector = 14, .error_code = write, .outer_rsp = stack}});
}

/// The IDT itself lies where no page is: #PF, #PF again, which is #DF, and #PF a third time.
void faults_on_the_idt(InstructionTable& table) {
    const std::vector<Step> no_page =
        join({l2_register(Register::rdi, spare_page), vmcb_field(field::idtr_base, spare_page)},
             spare_page_absent());
    const FieldExpectation free_cr2{field::cr2, {}, ~std::uint64_t{0}, Match::free};
    table.row({.subject = "exception_df", .variant = "idt_absent", .program = "raise_pf_read",
               .intercept = Intercept::exception_df, .manual = "APM2 8.2.9, 15.12.9",
               .modes = flat_modes, .cpl3 = AtCpl3::same, .setup = no_page,
               .taken_fields = {any_rip(), free_cr2},
               .also_meets = {Intercept::exception_pf},
               .runs_without_intercept = false});
    table.row({.subject = "shutdown", .variant = "idt_absent", .program = "raise_pf_read",
               .intercept = Intercept::shutdown, .manual = "APM2 15.14.3",
               .modes = flat_modes, .cpl3 = AtCpl3::same, .setup = no_page,
               .taken_fields = {any_event()},
               .also_meets = {Intercept::exception_pf, Intercept::exception_df},
               .runs_without_intercept = false});
}

/// Nothing is left to deliver to. Every fresh VMCB has this intercept set; what a shutdown does
/// without it is below. APM2 15.14.3.
void shutdown(InstructionTable& table) {
    table.row({.subject = "shutdown", .variant = "no_idt", .program = "raise_ud",
               .intercept = Intercept::shutdown, .manual = "APM2 15.14.3",
               .cpl3 = AtCpl3::same, .setup = {no_idt()}, .taken_fields = {any_event()},
               .also_meets = {Intercept::exception_ud, Intercept::exception_gp,
                              Intercept::exception_df},
               .runs_without_intercept = false});
    table.row({.subject = "shutdown", .variant = "absent_gates", .program = "raise_gp",
               .intercept = Intercept::shutdown, .manual = "APM2 15.14.3",
               .modes = protected_modes, .cpl3 = AtCpl3::same,
               .setup = join(join({l2_register(Register::rbx, beyond_gdt)}, absent_gate(13)),
                             absent_gate(8)),
               .taken_fields = {any_event()},
               .also_meets = {Intercept::exception_gp, Intercept::exception_np,
                              Intercept::exception_df},
               .runs_without_intercept = false});
}
// clang-format on

/// A case of which the machine dies, as it should or because it is QEMU: last.
void add_last(Catalogue& catalogue, std::string_view name, std::string_view title,
              std::string_view manual, std::string_view program, const L2Start& start,
              std::vector<Step> steps, Expectation expected,
              std::vector<InterceptUse> intercepts = {},
              const std::source_location& where = std::source_location::current()) {
    Case made;
    made.start = start;
    made.name = full_name(name, {}, start);
    made.title = title;
    made.manual = manual;
    made.file = project_path(where.file_name());
    made.line = where.line();
    made.program = program;
    if (start.nested_paging) {
        made.needs.set(svm::Feature::np);
    }
    made.steps = std::move(steps);
    made.steps.emplace_back(Run{});
    made.expectations = {std::move(expected)};
    made.ends_machine = true;
    made.intercepts = std::move(intercepts);
    catalogue.add(std::move(made));
}

/// Without the intercept the shutdown is the machine's. Each case costs one, so the axes are not
/// multiplied: every mode of L2, and once each what may make a difference beside it. APM2 15.14.3.
void shutdown_of_the_machine(Catalogue& catalogue) {
    using Kind = InterceptUse::Kind;
    constexpr std::string_view manual = "APM2 15.14.3";
    Write clear = intercepting(Intercept::shutdown);
    clear.code = wire::Op::Code::clear_bits;
    const std::vector<Step> absent{
        join(join({l2_register(Register::rbx, beyond_gdt)}, absent_gate(13)), absent_gate(8))};
    const auto add = [&](std::string_view variant, std::string_view program,
                         const std::vector<Step>& setup, const L2Start& start) {
        add_last(catalogue, "intercept/shutdown/" + std::string{variant} + "/not_taken",
                 "Without the intercept the machine shuts down.", manual, program, start,
                 join({clear}, setup), EndExpectation{}, {{Intercept::shutdown, Kind::not_taken}});
    };
    const auto all_others = [&](std::string_view variant, std::string_view program,
                                const std::vector<Step>& setup, const L2Start& start,
                                const std::vector<Intercept>& meets) {
        add_last(catalogue, "intercept/shutdown/" + std::string{variant} + "/not_taken_all_others",
                 "With all other intercepts set the machine shuts down.", manual, program, start,
                 join(all_other_intercepts(Intercept::shutdown, meets), setup), EndExpectation{},
                 {{Intercept::shutdown, Kind::not_taken_all_others}});
    };
    for (unsigned number = 0; number < l2_mode_count; ++number) {
        const auto mode = static_cast<L2Mode>(number);
        add("no_idt", "raise_ud", {no_idt()},
            {mode, static_cast<std::uint8_t>(has_cpl(mode, 0) ? 0 : 3), true});
    }
    const L2Start usual{L2Mode::long64, 0, true};
    add("no_idt", "raise_ud", {no_idt()}, {L2Mode::long64, 3, true});
    add("no_idt", "raise_ud", {no_idt()}, {L2Mode::long64, 0, false});
    for (const L1Mode l1 : {L1Mode::pae, L1Mode::legacy}) {
        add("no_idt", "raise_ud", {no_idt()}, {L2Mode::long64, 0, true, l1});
    }
    for (const L2Mode mode : {L2Mode::long64, L2Mode::prot32, L2Mode::prot16}) {
        add("absent_gates", "raise_gp", absent, {mode, 0, true});
    }
    const std::vector<Intercept> no_idt_meets{Intercept::exception_ud, Intercept::exception_gp,
                                              Intercept::exception_df};
    all_others("no_idt", "raise_ud", {no_idt()}, usual, no_idt_meets);
    all_others("no_idt", "raise_ud", {no_idt()}, {L2Mode::real, 0, true}, no_idt_meets);
    all_others("absent_gates", "raise_gp", absent, usual,
               {Intercept::exception_gp, Intercept::exception_np, Intercept::exception_df});
}

/// A busy 32-bit TSS is what LTR leaves, and gives the stack like any other. APM2 12.2.2, 15.5.1.
void busy_tss(Catalogue& catalogue) {
    for (const L2Mode mode : {L2Mode::pae, L2Mode::prot32}) {
        const L2Start start{mode, 3, true};
        add_last(catalogue, "intercept/exception_ud/busy_tss/not_taken",
                 "An exception at CPL 3 finds its stack in a busy TSS.", "APM2 12.2.2", "raise_ud",
                 start,
                 {vmcb_field(field::tr_attributes,
                             svm::system_attributes(svm::segment_type::tss_busy).value)},
                 delivered(start, {.vector = 6}));
    }
}

/// A breakpoint is a linear address, IP is not one. APM2 13.1.3.
void breakpoint_in_16_bit_code(Catalogue& catalogue) {
    for (const L2Mode mode : {L2Mode::real, L2Mode::prot16}) {
        const L2Start start{mode, 0, true};
        ExitExpectation exit = delivered(start, {.vector = 1});
        exit.fields.push_back({field::dr6, svm::dr6::reset | svm::dr6::b0});
        add_last(catalogue, "intercept/exception_db/breakpoint_execute/not_taken",
                 "An instruction breakpoint is hit where CS does not begin at 0.", "APM2 13.1.3",
                 "breakpoint_execute", start,
                 {l2_register(Register::rdi, linear(at_insn)),
                  vmcb_field(field::dr7, svm::dr7::reset | svm::dr7::l0)},
                 std::move(exit));
    }
}

void faulty_delivery(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    invalid_tss(table);
    absent_gates(table);
    outside_events(table);
    outside_stack(table);
    local_descriptors(table);
    double_fault(table);
    faults_on_the_stack(table);
    faults_on_the_idt(table);
    shutdown(table);
    shutdown_of_the_machine(catalogue);
    busy_tss(catalogue);
    breakpoint_in_16_bit_code(catalogue);
}

const Registration registration{faulty_delivery};

} // namespace
} // namespace vmrunit::cases
