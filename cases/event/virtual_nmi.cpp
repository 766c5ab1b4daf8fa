// SPDX-License-Identifier: GPL-2.0-only
// The virtual NMI of the VMCB: V_NMI is pending, V_NMI_MASK blocks it, IRET unblocks it. All of
// that by V_NMI_ENABLE, which VMRUN refuses without the intercept of NMIs; that one is about those
// of the machine only (event/physical_nmi/virtual_enabled). APM2 15.21.10.

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
using svm::InterruptShadow;
using svm::VirtualInterrupt;

constexpr std::uint8_t nmi_vector = 2;
constexpr VirtualInterrupt enabled = VirtualInterrupt{}.with(VirtualInterrupt::v_nmi_enable);
constexpr VirtualInterrupt pending = enabled.with(VirtualInterrupt::v_nmi);
constexpr VirtualInterrupt masked = enabled.with(VirtualInterrupt::v_nmi_mask);
constexpr VirtualInterrupt pending_masked = pending.with(VirtualInterrupt::v_nmi_mask);
constexpr std::string_view vgif_manual = "APM2 15.21.10, 15.33.2";
/// The two that the CPU changes.
constexpr std::uint64_t state =
    VirtualInterrupt::v_nmi.mask() | VirtualInterrupt::v_nmi_mask.mask();

struct Row {
    std::string_view name; ///< Behind "event/virtual_nmi/".
    std::string_view title;
    std::string_view manual = "APM2 15.21.10";
    VirtualInterrupt control;
    std::string_view program = "nothing";
    std::vector<Step> setup{};
    ExitExpectation exit = program_ends();
    VirtualInterrupt left;        ///< Of `control`, V_NMI and V_NMI_MASK afterwards,
    std::uint64_t judged = state; ///< as far as they are promised.
    svm::Features needs{};
};

void add(Catalogue& catalogue, const L2Start& start, const Row& row,
         const std::source_location& where = std::source_location::current()) {
    std::vector<Step> steps{vmcb_field(field::virtual_interrupt, row.control.value),
                            intercepting(Intercept::nmi)};
    steps.insert(steps.end(), row.setup.begin(), row.setup.end());
    ExitExpectation exit = row.exit;
    exit.fields.push_back({field::virtual_interrupt, row.left.value, row.judged});
    exit.fields.push_back({field::virtual_interrupt, {}, state & ~row.judged, Match::free});
    add_guest_case(catalogue,
                   {.name = "event/virtual_nmi/" + std::string{row.name},
                    .title = row.title,
                    .manual = row.manual,
                    .needs = row.needs | Feature::vnmi,
                    .program = row.program,
                    .steps = std::move(steps),
                    .exit = std::move(exit)},
                   start, where);
}

void in_every_mode(Catalogue& catalogue, const L2Start& start) {
    const ExitExpectation handled =
        delivered(start, {.vector = nmi_vector, .return_rip = at_start});
    const VirtualInterrupt no_gif = VirtualInterrupt{}.with(VirtualInterrupt::v_gif_enable);
    add(catalogue, start,
        {.name = "taken",
         .title = "It is taken though IF is clear; V_NMI gives way to V_NMI_MASK.",
         .control = pending,
         .exit = handled,
         .left = masked});
    add(catalogue, start,
        {.name = "none",
         .title = "Without V_NMI there is none.",
         .control = enabled,
         .left = enabled});
    add(catalogue, start,
        {.name = "masked",
         .title = "V_NMI_MASK holds it off.",
         .control = pending_masked,
         .left = pending_masked});
    add(catalogue, start,
        {.name = "disabled",
         .title = "Without V_NMI_ENABLE V_NMI means nothing.",
         .control = pending.with(VirtualInterrupt::v_nmi_enable, 0),
         .left = pending});
    add(catalogue, start,
        {.name = "shadow",
         .title = "INTERRUPT_SHADOW holds it off for one instruction.",
         .manual = "APM2 15.21.5, 15.21.10",
         .control = pending,
         .program = "copy_rax",
         .setup = {vmcb_field(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask()),
                   l2_register(Register::rbx, fresh(field::rax))},
         .exit =
             [&] {
                 ExitExpectation exit =
                     delivered(start, {.vector = nmi_vector, .return_rip = at_after});
                 exit.fields.push_back(
                     {field::interrupt_shadow, 0, InterruptShadow::interrupt_shadow.mask()});
                 return exit;
             }(),
         .left = masked});
    add(catalogue, start,
        {.name = "vgif_clear",
         .title = "A clear virtual GIF holds it off.",
         .manual = vgif_manual,
         .control = VirtualInterrupt::of(pending.value | no_gif.value),
         .left = pending,
         .needs = Feature::vgif});
    add(catalogue, start,
        {.name = "vgif_set",
         .title = "With virtual GIF set it is taken.",
         .manual = vgif_manual,
         .control = VirtualInterrupt::of(pending.value | no_gif.value).with(VirtualInterrupt::vgif),
         .exit = handled,
         .left = masked,
         .needs = Feature::vgif});
    const Step injected =
        vmcb_field(field::event_injection, EventInformation::event(EventType::nmi, 2).value);
    add(catalogue, start,
        {.name = "injected",
         .title = "An NMI that is injected sets V_NMI_MASK.",
         .manual = "APM2 15.20, 15.21.10",
         .control = enabled,
         .setup = {injected},
         .exit = handled,
         .left = masked});
    add(catalogue, start,
        {.name = "behind_injection",
         .title = "Behind an injected NMI it waits.",
         .manual = "APM2 15.20, 15.21.10",
         .control = pending,
         .setup = {injected},
         .exit = handled,
         .left = pending_masked});
}

/// An NMI comes before an interrupt, and its handler begins with IF clear. APM2 8.5, 15.21.4.
void beside_virtual_interrupt(Catalogue& catalogue, const L2Start& start) {
    constexpr std::uint8_t vector = 0x40;
    constexpr std::uint64_t takes_interrupts = svm::rflags::always_one | svm::rflags::if_;
    const Step admitted = vmcb_set(field::rflags, svm::rflags::if_);
    const auto with_interrupt = [](VirtualInterrupt nmis) {
        return VirtualInterrupt::of(nmis.value | offered_interrupt(vector).value);
    };
    const auto taken = [&](std::uint8_t first, std::uint64_t flags, bool interrupt_is_left) {
        constexpr std::uint64_t v_irq = VirtualInterrupt::v_irq.mask();
        ExitExpectation exit =
            delivered(start, {.vector = first, .return_rip = at_start, .rflags = flags});
        exit.fields.push_back({field::virtual_interrupt, interrupt_is_left ? v_irq : 0, v_irq});
        return exit;
    };
    constexpr std::string_view manual = "APM2 8.5, 15.21.4, 15.21.10";
    add(catalogue, start,
        {.name = "before_interrupt",
         .title = "It comes before a virtual interrupt, which stays pending.",
         .manual = manual,
         .control = with_interrupt(pending),
         .setup = {admitted},
         .exit = taken(nmi_vector, takes_interrupts, true),
         .left = masked});
    add(catalogue, start,
        {.name = "before_interrupt_intercepted",
         .title = "It comes before the VINTR exit, which its handler's IF holds off.",
         .manual = "APM2 8.5, 15.21.6, 15.21.10",
         .control = with_interrupt(pending),
         .setup = {admitted, intercepting(Intercept::vintr)},
         .exit = taken(nmi_vector, takes_interrupts, true),
         .left = masked});
    add(catalogue, start,
        {.name = "masked_beside_interrupt",
         .title = "V_NMI_MASK holds no virtual interrupt off.",
         .manual = manual,
         .control = with_interrupt(pending_masked),
         .setup = {admitted},
         .exit = taken(vector, takes_interrupts, false),
         .left = pending_masked});
    add(catalogue, start,
        {.name = "if_clear_beside_interrupt",
         .title = "IF holds the virtual interrupt off, and not the NMI.",
         .manual = manual,
         .control = with_interrupt(pending),
         .exit = taken(nmi_vector, svm::rflags::always_one, true),
         .left = masked});
}

/// L2 halts in the shadow, which holds it off no longer than that; HLT is for CPL 0.
void wakes_hlt(Catalogue& catalogue, const L2Start& start) {
    const FieldExpectation no_shadow{field::interrupt_shadow, 0,
                                     InterruptShadow::interrupt_shadow.mask()};
    const std::vector<Step> in_shadow{
        vmcb_field(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask())};
    ExitExpectation woken = delivered(start, {.vector = nmi_vector, .return_rip = at_after});
    woken.fields.push_back(no_shadow);
    add(catalogue, start,
        {.name = "wakes_hlt",
         .title = "It waits for HLT, which is in the shadow, and ends it.",
         .manual = "APM2 15.21.5, 15.21.10",
         .control = pending,
         .program = "hlt",
         .setup = in_shadow,
         .exit = woken,
         .left = masked});
    ExitExpectation intercepted;
    intercepted.exit_code = svm::ExitCode::hlt;
    add(catalogue, start,
        {.name = "hlt_intercepted",
         .title = "HLT exits first, in the shadow, and it stays pending.",
         .manual = "APM2 15.9, 15.21.10",
         .control = pending,
         .program = "hlt",
         .setup = join(in_shadow, {intercepting(Intercept::hlt)}),
         .exit = intercepted,
         .left = pending});
    add(catalogue, start,
        {.name = "idle_hlt_intercepted",
         .title = "HLT is not idle with one pending, so that intercept is not taken.",
         .manual = "APM2 15.9, 15.21.10",
         .control = pending,
         .program = "hlt",
         .setup = join(in_shadow, {intercepting(Intercept::idle_hlt)}),
         .exit = woken,
         .left = masked,
         .needs = Feature::idle_hlt_intercept});
}

/// STGI is for CPL 0 in protected mode.
void admitted_by_stgi(Catalogue& catalogue, const L2Start& start) {
    constexpr std::uint64_t vgif = VirtualInterrupt::vgif.mask();
    ExitExpectation exit = delivered(start, {.vector = nmi_vector, .return_rip_defined = false});
    exit.fields.push_back({field::virtual_interrupt, vgif, vgif});
    add(catalogue, start,
        {.name = "vgif_stgi",
         .title = "L2's own STGI lets it in.",
         .manual = vgif_manual,
         .control = pending.with(VirtualInterrupt::v_gif_enable),
         .program = "stgi_nops",
         .exit = exit,
         .left = masked,
         .needs = Feature::vgif});
}

/// Its gate is not present, and #NP is intercepted. What V_NMI says of an NMI that is in
/// EXITINTINFO the manual does not. Real mode has no such gates.
void cut_short(Catalogue& catalogue, const L2Start& start) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::exception_np;
    exit.rip = at_start;
    exit.fields = {{field::exit_info_1, idt_error_code(nmi_vector), external_unsettled},
                   being_delivered(EventInformation::event(EventType::nmi, nmi_vector))};
    add(catalogue, start,
        {.name = "cut_short",
         .title = "An exit during its delivery has it in EXITINTINFO, and V_NMI_MASK clear.",
         .manual = "APM2 15.7.2, 15.21.10",
         .control = pending,
         .setup = join(absent_gate(nmi_vector), {intercepting(Intercept::exception_np)}),
         .exit = exit,
         .left = enabled,
         .judged = VirtualInterrupt::v_nmi_mask.mask()});
}

/// L2 returns from an NMI to the end of its program. In virtual-8086 mode IRET needs an IOPL of 3,
/// which it leaves alone, and in 64-bit mode it pops SS:RSP too.
void return_from_nmi(Catalogue& catalogue, const L2Start& start) {
    const auto slot = static_cast<std::uint8_t>(code_bits(start.mode) / 8);
    const std::uint32_t frame = l2_stack_end - (slot == 8 ? 5u : 3u) * slot;
    const std::uint64_t kept = start.mode == L2Mode::v86 ? svm::rflags::iopl : 0;
    std::vector<Step> setup{vmcb_field(field::rsp, in_memory(frame)),
                            vmcb_set(field::rflags, kept)};
    auto push = [&, at = frame](Value value) mutable {
        setup.emplace_back(Write{wire::Op::Code::write, Region::l2_memory, at, slot, value});
        at += slot;
    };
    push(at_marker);
    push(fresh(field::cs_selector));
    push(svm::rflags::always_one);
    if (slot == 8) {
        push(in_memory(l2_stack_end));
        push(fresh(field::ss_selector));
    }
    ExitExpectation returned = program_ends();
    returned.fields = {{field::rsp, in_memory(l2_stack_end)}};
    add(catalogue, start,
        {.name = "iret",
         .title = "IRET clears V_NMI_MASK.",
         .control = masked,
         .program = "iret",
         .setup = setup,
         .exit = returned,
         .left = enabled});
    add(catalogue, start,
        {.name = "iret_pending",
         .title = "What V_NMI_MASK held off comes behind IRET.",
         .control = pending_masked,
         .program = "iret",
         .setup = setup,
         .exit = delivered(start, {.vector = nmi_vector,
                                   .return_rip = at_marker,
                                   .rflags = svm::rflags::always_one | kept}),
         .left = masked});
}

/// That IRET is not executed: the NMI is still being handled. APM2 15.9, 15.21.10.
void return_is_intercepted(Catalogue& catalogue, const L2Start& start) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::iret;
    for (const bool waits : {false, true}) {
        const VirtualInterrupt control = waits ? pending_masked : masked;
        add(catalogue, start,
            {.name = waits ? "iret_intercepted_pending" : "iret_intercepted",
             .title = "An IRET that exits leaves V_NMI_MASK set.",
             .manual = "APM2 15.9, 15.21.10",
             .control = control,
             .program = "iret",
             .setup = {intercepting(Intercept::iret)},
             .exit = exit,
             .left = control});
    }
}

void virtual_nmis(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        in_every_mode(catalogue, start);
        beside_virtual_interrupt(catalogue, start);
        return_from_nmi(catalogue, start);
        return_is_intercepted(catalogue, start);
        if (start.cpl == 0) {
            wakes_hlt(catalogue, start);
        }
        if (!is_real_mode(start.mode)) {
            cut_short(catalogue, start);
            if (start.cpl == 0) {
                admitted_by_stgi(catalogue, start);
            }
        }
    });
}

const Registration registration{virtual_nmis};

} // namespace
} // namespace vmrunit::cases
