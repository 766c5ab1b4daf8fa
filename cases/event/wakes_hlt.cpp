// SPDX-License-Identifier: GPL-2.0-only
// Events of the machine that find L2 halted: they wake it, HLT is over, and what is intercepted
// exits with RIP behind it. The twins without the intercept come to L2's own handler. APM2 15.13.

#include "cases/event/l2_elsewhere.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;

CallExpectation::Reported saved_rip(Value rip) {
    return {rip, ~std::uint64_t{0}, Match::equals, "saved RIP"};
}

struct Row {
    std::string name;
    std::string_view title;
    std::string_view manual;
    std::string_view program;
    svm::Features needs;
    std::vector<Step> steps;
    Call call;
    CallExpectation expected;
    std::vector<InterceptUse> intercepts{};
    std::uint64_t still_set = 0; ///< Of `virtual_interrupt`, afterwards.
};

void add(Catalogue& catalogue, const Row& row,
         const std::source_location& where = std::source_location::current()) {
    for (const bool nested_paging : {true, false}) {
        std::vector<Step> steps{vmcb_field(field::rip, at_start), vmcb_field(field::rax, l2_data)};
        steps.insert(steps.end(), row.steps.begin(), row.steps.end());
        steps.emplace_back(row.call);
        std::vector<Expectation> expectations{row.expected};
        if (row.still_set != 0) {
            steps.emplace_back(Call{"report_vmcb", field::virtual_interrupt.offset});
            CallExpectation left;
            left.values = {{row.still_set, row.still_set, Match::equals, "what is still pending"}};
            expectations.emplace_back(left);
        }
        const std::string name = "event/wakes_hlt/" + row.name;
        add_l1_case(catalogue,
                    {.name = name,
                     .title = row.title,
                     .manual = row.manual,
                     .needs = row.needs,
                     .program = row.program,
                     .nested_paging = nested_paging,
                     .l1_modes = all_l1_modes,
                     .steps = std::move(steps),
                     .expectations = std::move(expectations),
                     .named_by_paging = true,
                     .intercepts = row.intercepts},
                    where);
    }
}

const Step takes_interrupts = vmcb_field(field::rflags, svm::rflags::always_one | svm::rflags::if_);

void from_second_cpu(Catalogue& catalogue) {
    const auto row = [&](const std::string& name, std::string_view title, std::string_view manual,
                         std::vector<Step> steps, std::uint32_t sent, ExitCode code, Value rip,
                         std::uint64_t behind_stgi) {
        svm::Features needs{Feature::apic, Feature::second_cpu};
        if (sent == smi) {
            needs.set(Feature::smm_in_memory);
        }
        const ExitElsewhere exit{code, rip};
        const CallExpectation expected =
            sent == init ? is_reset(exit) : comes_to(exit, true, behind_stgi);
        add(catalogue, {name, title, manual, "waits_in_hlt", needs, std::move(steps),
                        Call{"send_to_l2_elsewhere", sent | halts}, expected});
    };
    row("interrupt/intercepted", "The interrupt exits behind HLT and is pending.", "APM2 15.13.1",
        {takes_interrupts, intercepting(Intercept::intr)}, interrupt, ExitCode::intr, at_after, 1);
    row("interrupt/not_intercepted", "L2 wakes and takes the interrupt.", "APM2 15.13.1",
        {takes_interrupts}, interrupt, ExitCode::vmmcall, at_handler(sent_vector), 0);
    row("nmi/intercepted", "The NMI exits behind HLT and is pending.", "APM2 15.13.2",
        {intercepting(Intercept::nmi)}, nmi, ExitCode::nmi, at_after, 1);
    row("nmi/not_intercepted", "L2 wakes and takes the NMI.", "APM2 15.13.2", {}, nmi,
        ExitCode::vmmcall, at_handler(2), 0);
    row("smi/intercepted", "The SMI exits behind HLT and is pending.", "APM2 15.13.3",
        {intercepting(Intercept::smi)}, smi, ExitCode::smi, at_after, 1);
    row("init/intercepted", "INIT exits behind HLT; pending, it resets the CPU at STGI.",
        "APM2 15.13.4", {intercepting(Intercept::init)}, init, ExitCode::init, at_after, 0);
    // The twins: an interrupt that is held off leaves L2 where it is, until an NMI comes. By then
    // both are pending. L1's IF is clear on that CPU.
    const Step both[] = {intercepting(Intercept::intr), intercepting(Intercept::nmi)};
    row("interrupt/if_clear", "An interrupt that L2's IF holds off does not wake it.",
        "APM2 15.13.1", {both[0], both[1]}, interrupt | then_nmi, ExitCode::nmi, at_after, 2);
    row("interrupt/masking_l1_if_clear",
        "With V_INTR_MASKING one that L1's IF holds off does not, whatever L2's says.",
        "APM2 15.21.1",
        {takes_interrupts, both[0], both[1],
         vmcb_set(field::virtual_interrupt, VirtualInterrupt::v_intr_masking.mask())},
        interrupt | then_nmi, ExitCode::nmi, at_after, 2);
    row("interrupt/if_clear_not_intercepted", "Nor does it without the intercepts.", "APM2 15.13.1",
        {both[1]}, interrupt | then_nmi, ExitCode::nmi, at_after, 2);
}

/// INIT resets the CPU, L2 or not. SMM comes back to HLT as its handler lets it, whoever runs.
/// APM2 10.3.7, 15.13.3, 15.13.4.
void not_intercepted(Catalogue& catalogue) {
    const auto row = [&](const std::string& name, std::string_view title, std::string_view manual,
                         std::vector<Step> steps, std::uint32_t argument, svm::Features needs,
                         const CallExpectation& expected) {
        add(catalogue, {name, title, manual, "waits_in_hlt", needs, std::move(steps),
                        Call{"send_to_l2_elsewhere", argument | halts}, expected});
    };
    const svm::Features two_cpus{Feature::apic, Feature::second_cpu};
    row("init/not_intercepted", "INIT resets the CPU out of L2's HLT.", "APM2 15.13.4", {},
        init | no_exit, two_cpus, is_reset(std::nullopt));
    // Whether L2 halts again behind an SMM handler that says nothing no source here tells.
    row("smi/not_intercepted_handler_ends_hlt",
        "L2 goes on behind HLT where the SMM handler says so.", "APM2 10.3.7, 15.13.3",
        {intercepting(Intercept::nmi)}, smi | ends_hlt, two_cpus | Feature::smm_in_memory,
        comes_to(ExitElsewhere{ExitCode::vmmcall, at_marker}, true, 1, 1));
}

void from_timer(Catalogue& catalogue) {
    const auto row = [&](const std::string& name, std::string_view title, std::vector<Step> steps,
                         std::uint32_t host_if, ExitCode code, Value rip, std::uint64_t later,
                         std::vector<InterceptUse> intercepts = {}) {
        CallExpectation expected;
        expected.values = {reported("exit code", static_cast<std::uint64_t>(code)), saved_rip(rip),
                           reported("interrupts that L1 took before STGI", 0),
                           reported("interrupts that L1 took behind it", later)};
        add(catalogue, {name, title, "APM2 15.13.1", "hlt", Feature::apic, std::move(steps),
                        Call{"vmrun_with_timer", host_if}, expected, std::move(intercepts)});
    };
    const Step masking =
        vmcb_set(field::virtual_interrupt, VirtualInterrupt::v_intr_masking.mask());
    const Step intercepted = intercepting(Intercept::intr);
    // With nothing pending it is the intercept of an idle HLT that must not be taken here.
    using Kind = InterceptUse::Kind;
    row("timer/intercepted", "The timer's interrupt exits behind HLT and is pending.",
        {takes_interrupts, intercepted}, 0, ExitCode::intr, at_after, 1,
        {{Intercept::idle_hlt, Kind::not_taken}});
    std::vector<Step> others = all_other_intercepts(Intercept::idle_hlt, {Intercept::hlt});
    others.push_back(takes_interrupts);
    row("timer/intercepted_all_others", "So it does with all other intercepts set.", others, 0,
        ExitCode::intr, at_after, 1, {{Intercept::idle_hlt, Kind::not_taken_all_others}});
    row("timer/not_intercepted", "L2 wakes and takes the timer's interrupt.", {takes_interrupts}, 0,
        ExitCode::vmmcall, at_handler(sent_vector), 0);
    row("timer/masking/intercepted", "With V_INTR_MASKING it is IF of L1 that lets L2 wake.",
        {masking, intercepted}, 1, ExitCode::intr, at_after, 1);
    row("timer/masking/not_intercepted", "L2 takes it though its own IF is clear.", {masking}, 1,
        ExitCode::vmmcall, at_handler(sent_vector), 0);
}

/// What is pending for L2 and held off does not wake it; an event of the machine does, and finds it
/// halted. Their twins, which wake it: event/virtual_interrupt/wakes_hlt,
/// event/virtual_nmi/wakes_hlt.
void virtual_ones_held(Catalogue& catalogue) {
    struct Held {
        std::string name;
        std::string_view title;
        std::string_view manual;
        VirtualInterrupt control;
        std::uint64_t flags = svm::rflags::always_one | svm::rflags::if_;
        svm::Features needs{};
    };
    constexpr unsigned priority = 4;
    const VirtualInterrupt interrupt = offered_interrupt(0x40);
    const VirtualInterrupt prioritized = interrupt.with(VirtualInterrupt::v_ign_tpr, 0)
                                             .with(VirtualInterrupt::v_intr_prio, priority);
    const VirtualInterrupt virtual_nmi =
        VirtualInterrupt{}.with(VirtualInterrupt::v_nmi_enable).with(VirtualInterrupt::v_nmi);
    const Held rows[] = {
        {"interrupt/if_clear", "IF of L2 holds a virtual interrupt off.", "APM2 15.21.4", interrupt,
         svm::rflags::always_one},
        {"interrupt/v_tpr_same", "V_TPR as high as its priority does.", "APM2 15.21.4",
         prioritized.with(VirtualInterrupt::v_tpr, priority)},
        {"interrupt/v_tpr_above", "V_TPR above its priority does.", "APM2 15.21.4",
         prioritized.with(VirtualInterrupt::v_tpr, 15)},
        {"interrupt/vgif_clear", "A clear virtual GIF does.", "APM2 15.33.2",
         interrupt.with(VirtualInterrupt::v_gif_enable), svm::rflags::always_one | svm::rflags::if_,
         Feature::vgif},
        {"nmi/masked", "V_NMI_MASK holds a virtual NMI off.", "APM2 15.21.10",
         virtual_nmi.with(VirtualInterrupt::v_nmi_mask), svm::rflags::always_one, Feature::vnmi},
        {"nmi/vgif_clear", "A clear virtual GIF does.", "APM2 15.21.10, 15.33.2",
         virtual_nmi.with(VirtualInterrupt::v_gif_enable), svm::rflags::always_one,
         svm::Features{Feature::vnmi, Feature::vgif}},
    };
    constexpr std::uint64_t pending =
        VirtualInterrupt::v_irq.mask() | VirtualInterrupt::v_nmi.mask();
    for (const Held& held : rows) {
        const std::vector<Step> steps{vmcb_field(field::virtual_interrupt, held.control.value),
                                      vmcb_field(field::rflags, held.flags),
                                      intercepting(Intercept::nmi)};
        add(catalogue, {.name = "virtual_" + held.name,
                        .title = held.title,
                        .manual = held.manual,
                        .program = "waits_in_hlt",
                        .needs = held.needs | svm::Features{Feature::apic, Feature::second_cpu},
                        .steps = steps,
                        .call = Call{"send_to_l2_elsewhere", nmi | halts},
                        .expected = comes_to(ExitElsewhere{ExitCode::nmi, at_after}, true, 1),
                        .still_set = held.control.value & pending});
        // The timer counts whatever L2's IF says, by V_INTR_MASKING.
        CallExpectation by_timer;
        by_timer.values = {reported("exit code", static_cast<std::uint64_t>(ExitCode::intr)),
                           saved_rip(at_after), reported("interrupts that L1 took before STGI", 0),
                           reported("interrupts that L1 took behind it", 1)};
        add(catalogue, {.name = "virtual_" + held.name + "_timer",
                        .title = held.title,
                        .manual = held.manual,
                        .program = "hlt",
                        .needs = held.needs | Feature::apic,
                        .steps = join(steps, {intercepting(Intercept::intr),
                                              vmcb_set(field::virtual_interrupt,
                                                       VirtualInterrupt::v_intr_masking.mask())}),
                        .call = Call{"vmrun_with_timer", 1},
                        .expected = by_timer,
                        .still_set = held.control.value & pending});
    }
}

void wakes_hlt(Catalogue& catalogue) {
    from_second_cpu(catalogue);
    not_intercepted(catalogue);
    from_timer(catalogue);
    virtual_ones_held(catalogue);
}

const Registration registration{wakes_hlt};

} // namespace
} // namespace vmrunit::cases
