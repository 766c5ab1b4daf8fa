// SPDX-License-Identifier: GPL-2.0-only
// The virtual interrupt of the VMCB: which priority gets past which V_TPR, what holds it off, and
// what V_IRQ says afterwards. APM2 15.21; virtual GIF: 15.33.2.

#include "cases/model/virtual_interrupt.hpp"
#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::EventInformation;
using svm::EventType;
using svm::Feature;
using svm::Intercept;
using svm::InterruptShadow;
using svm::VirtualInterrupt;

constexpr std::uint64_t enabled = rflags::always_one | rflags::if_;
constexpr std::uint8_t vector = 0x40;

constexpr std::string_view shadow_manual = "APM2 15.21.5";
constexpr std::string_view vintr_manual = "APM2 15.21.6";
constexpr std::string_view vgif_manual = "APM2 15.33.2";

/// An interrupt that no task priority stops.
constexpr VirtualInterrupt pending =
    offered_interrupt(vector).with(VirtualInterrupt::v_intr_prio, vector >> 4);

struct Row {
    std::string name; ///< What follows "event/virtual_interrupt/".
    std::string_view title;
    std::string_view manual = "APM2 15.21.4";
    VirtualInterrupt control = pending;
    std::uint64_t flags = enabled;
    std::string_view program = "nothing";
    Value return_rip = at_start; ///< Where it is delivered.
    bool return_rip_defined = true;
    std::vector<Step> setup{};
    std::vector<FieldExpectation> fields{};
    std::vector<RegisterExpectation> registers{};
    svm::Features needs{};
    bool ends_machine = false;
    L1Modes l1_modes = all_l1_modes;
};

class Table {
public:
    Table(Catalogue& catalogue, const L2Start& start) : catalogue_(catalogue), start_(start) {}

    /// L2's handler gets it, and V_IRQ is clear afterwards.
    void taken(const Row& row,
               const std::source_location& where = std::source_location::current()) {
        const auto taken_vector =
            static_cast<std::uint8_t>(row.control.get(VirtualInterrupt::v_intr_vector));
        ExitExpectation exit = delivered(start_, {.vector = taken_vector,
                                                  .return_rip = row.return_rip,
                                                  .return_rip_defined = row.return_rip_defined,
                                                  .rflags = row.flags | enabled});
        exit.fields.push_back({field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask()});
        add(row, std::move(exit), where);
    }

    /// The program comes to its end, and V_IRQ is still set.
    void held(const Row& row, const std::source_location& where = std::source_location::current()) {
        add(row, program_ends(), where);
    }

    /// Another exit, before anything happened.
    void exits(const Row& row, svm::ExitCode code,
               const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit;
        exit.exit_code = code;
        exit.rip = at_start;
        add(row, std::move(exit), where);
    }

    void add(const Row& row, ExitExpectation exit, const std::source_location& where) {
        const std::uint64_t mode_flag = start_.mode == L2Mode::v86 ? rflags::vm : 0;
        std::vector<Step> steps{vmcb_field(field::virtual_interrupt, row.control.value),
                                vmcb_field(field::rflags, row.flags | mode_flag)};
        steps.insert(steps.end(), row.setup.begin(), row.setup.end());
        exit.fields.insert(exit.fields.end(), row.fields.begin(), row.fields.end());
        exit.registers = row.registers;
        add_guest_case(catalogue_,
                       {.name = "event/virtual_interrupt/" + row.name,
                        .title = row.title,
                        .manual = row.manual,
                        .needs = row.needs,
                        .program = row.program,
                        .steps = std::move(steps),
                        .exit = std::move(exit),
                        .ends_machine = row.ends_machine,
                        .l1_modes = row.l1_modes},
                       start_, where);
    }

private:
    Catalogue& catalogue_;
    L2Start start_;
};

/// Every priority against every V_TPR: it must be greater.
void priorities(Catalogue& catalogue) {
    Table table{catalogue, {L2Mode::long64, 0, true}};
    for (unsigned priority = 0; priority < 16; ++priority) {
        for (unsigned tpr = 0; tpr < 16; ++tpr) {
            for (const bool ignored : {false, true}) {
                Row row{.name = "priority_" + std::to_string(priority) + "_tpr_" +
                                std::to_string(tpr) + (ignored ? "_ignored" : ""),
                        .title = "V_INTR_PRIO must be greater than V_TPR.",
                        .control = pending.with(VirtualInterrupt::v_intr_prio, priority)
                                       .with(VirtualInterrupt::v_tpr, tpr)
                                       .with(VirtualInterrupt::v_ign_tpr, ignored ? 1 : 0)};
                if (ignored) {
                    row.title = "With V_IGN_TPR set the priorities are not compared.";
                }
                if (ignored || priority > tpr) {
                    table.taken(row);
                } else {
                    table.held(row);
                }
            }
        }
    }
}

/// The vector is what the field says, whatever the priority.
void vectors(Catalogue& catalogue) {
    Table table{catalogue, {L2Mode::long64, 0, true}};
    for (unsigned number = 0; number < 256; ++number) {
        table.taken({.name = "vector_" + std::to_string(number),
                     .title = "The vector is that of V_INTR_VECTOR.",
                     .control = pending.with(VirtualInterrupt::v_intr_vector, number)});
    }
}

void in_every_mode(Catalogue& catalogue, const L2Start& start) {
    Table table{catalogue, start};
    table.taken({.name = "if_set", .title = "It is taken before L2's first instruction."});
    table.held(
        {.name = "if_clear", .title = "IF of L2 holds it off.", .flags = rflags::always_one});
    table.held({.name = "v_irq_clear",
                .title = "Without V_IRQ there is none.",
                .control = pending.with(VirtualInterrupt::v_irq, 0)});
    const VirtualInterrupt prioritized = pending.with(VirtualInterrupt::v_ign_tpr, 0);
    table.taken(
        {.name = "above_tpr",
         .title = "A priority greater than V_TPR lets it in.",
         .control =
             prioritized.with(VirtualInterrupt::v_intr_prio, 9).with(VirtualInterrupt::v_tpr, 8)});
    table.held(
        {.name = "below_tpr",
         .title = "A lower priority than V_TPR holds it off.",
         .control =
             prioritized.with(VirtualInterrupt::v_intr_prio, 8).with(VirtualInterrupt::v_tpr, 9)});
    table.exits({.name = "vintr",
                 .title = "VINTR exits just before it would be taken.",
                 .manual = vintr_manual,
                 .setup = {intercepting(Intercept::vintr)}},
                svm::ExitCode::vintr);
    table.held({.name = "vintr_if_clear",
                .title = "VINTR does not exit while IF holds it off.",
                .manual = vintr_manual,
                .flags = rflags::always_one,
                .setup = {intercepting(Intercept::vintr)}});
    table.held({.name = "vintr_tpr",
                .title = "VINTR does not exit while V_TPR holds it off.",
                .manual = vintr_manual,
                .control = prioritized.with(VirtualInterrupt::v_tpr, 15),
                .setup = {intercepting(Intercept::vintr)}});
    table.taken(
        {.name = "shadow",
         .title = "INTERRUPT_SHADOW holds it off for one instruction.",
         .manual = shadow_manual,
         .program = "copy_rax",
         .return_rip = at_after,
         .setup = {vmcb_field(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask()),
                   vmcb_field(field::rax, 0x1234'5678)},
         .fields = {{field::interrupt_shadow, 0, InterruptShadow::interrupt_shadow.mask()}},
         .registers = {{Register::rbx, 0x1234'5678}}});
    table.taken({.name = "no_shadow",
                 .title = "Without the shadow it comes before the instruction.",
                 .manual = shadow_manual,
                 .program = "copy_rax"});
    // The shadow is that of the exit's instruction still.
    table.held(
        {.name = "exit_in_shadow",
         .title = "An exit from the shadow stores it.",
         .manual = shadow_manual,
         .setup = {vmcb_field(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask())}});
    // A clear one is that of "if_set".
    table.taken({.name = "vgif_without_enable",
                 .title = "Without V_GIF_ENABLE VGIF means nothing, and keeps its value.",
                 .manual = vgif_manual,
                 .control = pending.with(VirtualInterrupt::vgif),
                 .fields = {{field::virtual_interrupt, VirtualInterrupt::vgif.mask(),
                             VirtualInterrupt::vgif.mask()}},
                 .needs = Feature::vgif});
    for (const bool gif : {false, true}) {
        const Row row{.name = gif ? "vgif_set" : "vgif_clear",
                      .title = "A clear virtual GIF holds it off.",
                      .manual = vgif_manual,
                      .control = pending.with(VirtualInterrupt::v_gif_enable)
                                     .with(VirtualInterrupt::vgif, gif ? 1 : 0),
                      .needs = Feature::vgif};
        if (gif) {
            table.taken(row);
        } else {
            table.held(row);
        }
    }
    // An injected event is first, and its handler has IF clear.
    const Row both{
        .name = "behind_injection",
        .title = "The injected event is first; in its handler IF is clear.",
        .manual = "APM2 15.20, 15.21.4",
        .setup = {vmcb_field(field::event_injection,
                             EventInformation::event(EventType::interrupt, 0x50).value)}};
    table.add(both, delivered(start, {.vector = 0x50, .return_rip = at_start, .rflags = enabled}),
              std::source_location::current());
}

/// L2 itself lets it in: by STI, behind the instruction that follows, and by POPF at once. At CPL 3
/// both need an IOPL of 3 for that.
void admitted_by_l2(Catalogue& catalogue, const L2Start& start) {
    Table table{catalogue, start};
    const std::uint64_t disabled = rflags::always_one | (start.cpl == 3 ? rflags::iopl : 0);
    table.taken({.name = "sti",
                 .title = "STI lets it in behind the next instruction.",
                 .manual = "APM2 15.21.4, APM3 STI",
                 .flags = disabled,
                 .program = "sti_nops",
                 .return_rip = Value{Anchor::after, 0, 1}});
    const std::uint8_t slot = code_bits(start.mode) / 8;
    table.taken({.name = "popf",
                 .title = "POPF lets it in at once.",
                 .manual = "APM2 15.21.4, APM3 POPF",
                 .flags = disabled,
                 .program = "popf_nops",
                 .return_rip = at_after,
                 .setup = {vmcb_field(field::rsp, in_memory(l2_stack_end - slot)),
                           Write{wire::Op::Code::write, Region::l2_memory, l2_stack_end - slot,
                                 slot, enabled}}});
    if (is_real_mode(start.mode) || start.cpl == 3) {
        return; // No STGI and CLGI there.
    }
    const VirtualInterrupt closed = pending.with(VirtualInterrupt::v_gif_enable);
    const VirtualInterrupt open = closed.with(VirtualInterrupt::vgif);
    const auto gif = [](bool set) {
        return FieldExpectation{field::virtual_interrupt,
                                set ? VirtualInterrupt::vgif.mask() : std::uint64_t{0},
                                VirtualInterrupt::vgif.mask()};
    };
    table.taken({.name = "vgif_stgi",
                 .title = "L2's own STGI lets it in.",
                 .manual = vgif_manual,
                 .control = closed,
                 .program = "stgi_nops",
                 .return_rip_defined = false,
                 .fields = {gif(true)},
                 .needs = Feature::vgif});
    // Without V_GIF_ENABLE it is none of theirs; STGI and a clear VGIF: intercept/stgi/not_taken.
    table.held({.name = "vgif_without_enable_clgi",
                .title = "Without V_GIF_ENABLE L2's CLGI leaves VGIF alone.",
                .manual = vgif_manual,
                .control = VirtualInterrupt{}.with(VirtualInterrupt::vgif),
                .program = "clgi",
                .fields = {gif(true)},
                .needs = Feature::vgif});
    // Its twin is "sti", where CLGI is not before STI.
    const std::uint64_t irq = VirtualInterrupt::v_irq.mask();
    table.held(
        {.name = "vgif_clgi",
         .title = "Behind L2's own CLGI it waits, though STI sets IF.",
         .manual = vgif_manual,
         .control = open,
         .flags = rflags::always_one,
         .program = "clgi_sti_nops",
         .fields = {gif(false), {field::rflags, enabled}, {field::virtual_interrupt, irq, irq}},
         .needs = Feature::vgif});
}

/// L2 halts in the shadow, which holds it off no longer than that; HLT is for CPL 0. Who does not
/// wake L2 costs a machine each time, so this is for one L1.
void wakes_hlt(Catalogue& catalogue, const L2Start& start) {
    Table table{catalogue, start};
    table.taken(
        {.name = "wakes_hlt",
         .title = "It waits for HLT, which is in the shadow, and ends it.",
         .manual = shadow_manual,
         .program = "hlt",
         .return_rip = at_after,
         .setup = {vmcb_field(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask())},
         .fields = {{field::interrupt_shadow, 0, InterruptShadow::interrupt_shadow.mask()}},
         .l1_modes = only_l1_long64});
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::vintr;
    exit.rip = at_after;
    table.add({.name = "wakes_hlt_vintr",
               .title = "It ends HLT, and VINTR exits behind that.",
               .manual = vintr_manual,
               .flags = rflags::always_one,
               .program = "sti_hlt",
               .setup = {intercepting(Intercept::vintr)},
               .fields = {{field::rflags, enabled}},
               .l1_modes = only_l1_long64},
              exit, std::source_location::current());
}

/// L2 lowers V_TPR: what it held off comes behind the instruction. QEMU aborts here, so it is one
/// case and runs last.
void lowered_priority(Catalogue& catalogue) {
    Table table{catalogue, {L2Mode::long64, 0, true}};
    table.taken({.name = "tpr_lowered",
                 .title = "It comes when L2 lowers V_TPR.",
                 .manual = "APM2 15.21.2, 15.21.4",
                 .control = pending.with(VirtualInterrupt::v_ign_tpr, 0)
                                .with(VirtualInterrupt::v_intr_masking)
                                .with(VirtualInterrupt::v_tpr, 15),
                 .program = "write_cr8",
                 .return_rip = at_after,
                 .setup = {l2_register(Register::rbx, 0)},
                 .fields = {{field::virtual_interrupt, 0, VirtualInterrupt::v_tpr.mask()}},
                 .ends_machine = true,
                 .l1_modes = only_l1_long64});
}

/// L2's task priority of before, its priority by CR8, and what that makes of a V_INTR_PRIO of 4.
/// QEMU aborts where V_TPR lets the interrupt in, so these run last, and under one L1.
void changed_priority(Catalogue& catalogue, const L2Start& start) {
    struct Change {
        std::string_view name;
        std::uint64_t before;
        std::uint64_t written;
    };
    Table table{catalogue, start};
    const auto row = [&](const Change& change, std::string_view way, std::string_view program,
                         svm::Features needs) {
        const bool admits = change.written < vector >> 4;
        Row made{
            .name = std::string{way} + "/" + std::string{change.name},
            .title = "Behind L2's STI it is the V_TPR that L2 wrote which counts.",
            .manual = "APM2 15.21.2, 15.21.4",
            .control = pending.with(VirtualInterrupt::v_ign_tpr, 0)
                           .with(VirtualInterrupt::v_intr_masking)
                           .with(VirtualInterrupt::v_tpr, change.before),
            .flags = rflags::always_one,
            .program = program,
            .return_rip = Value{Anchor::after, 0, 1},
            .setup = {vmcb_field(field::rax, change.written)},
            .fields = {{field::virtual_interrupt, change.written, VirtualInterrupt::v_tpr.mask()}},
            .needs = needs,
            .ends_machine = change.written <= vector >> 4,
            .l1_modes = only_l1_long64};
        if (admits) {
            table.taken(made);
        } else {
            made.fields.push_back({field::rflags, enabled});
            made.fields.push_back({field::virtual_interrupt, VirtualInterrupt::v_irq.mask(),
                                   VirtualInterrupt::v_irq.mask()});
            table.held(made);
        }
    };
    for (const Change& change :
         {Change{"lowered", 15, 3}, Change{"lowered_to_it", 15, 4}, Change{"not_enough", 15, 5},
          Change{"raised", 0, 5}, Change{"raised_below", 0, 3}}) {
        row(change, "lock_mov_cr0", "lock_write_cr0_sti_nops", Feature::alt_mov_cr8);
        if (start.mode == L2Mode::long64) {
            row(change, "mov_cr8", "write_cr8_sti_nops", {});
        }
    }
}

/// AVIC has a backing page for interrupts, here an empty one, and V_IRQ, its priority and its
/// vector mean nothing (spec: AVIC_ENABLE). Its twin is "if_set". No target has AVIC. APM2 15.29.
void ignored_with_avic(Catalogue& catalogue) {
    const Value empty_page = in_region(Region::spare_vmcb);
    Table table{catalogue, {L2Mode::long64, 0, true}};
    table.held(
        {.name = "avic_enabled",
         .title = "With AVIC_ENABLE there is none, whatever V_IRQ says.",
         .manual = "APM2 15.29",
         .control = pending.with(VirtualInterrupt::avic_enable),
         .setup = {Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0, page_size},
                   vmcb_field(field::avic_backing_page, empty_page),
                   vmcb_field(field::avic_logical_table, empty_page),
                   vmcb_field(field::avic_physical_table, empty_page)},
         .fields = {{field::virtual_interrupt, {}, VirtualInterrupt::v_irq.mask(), Match::free}},
         .needs = Feature::avic});
}

void virtual_interrupts(Catalogue& catalogue) {
    priorities(catalogue);
    vectors(catalogue);
    each_start([&](const L2Start& start) {
        in_every_mode(catalogue, start);
        admitted_by_l2(catalogue, start);
        if (start.cpl == 0) {
            wakes_hlt(catalogue, start);
            changed_priority(catalogue, start);
        }
    });
    lowered_priority(catalogue);
    ignored_with_avic(catalogue);
}

const Registration registration{virtual_interrupts};

} // namespace
} // namespace vmrunit::cases
