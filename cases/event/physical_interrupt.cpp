// SPDX-License-Identifier: GPL-2.0-only
// Interrupts and NMIs of the machine that arrive while L2 runs: whose IF counts, who takes them,
// and that none is lost or doubled. L1's own local APIC sends them, with GIF clear; VMRUN sets GIF.
// APM2 15.13, 15.21.1, 15.21.2.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;

constexpr std::uint8_t interrupt_vector = 0x51; ///< What the routine sends.
enum Sent : std::uint32_t { nothing = 0, interrupt = 2, nmi = 4, smi = 6 };
constexpr std::uint32_t host_if = 1;

/// `while_l2_ran`: by whom L1 itself does not see; only the SMM handler counts for both. EXITINFO1
/// is for the one row that is about it.
CallExpectation outcome(ExitCode code, Value rip, std::uint64_t later,
                        std::uint64_t while_l2_ran = 0) {
    CallExpectation expected;
    expected.values = {reported("exit code", static_cast<std::uint64_t>(code)),
                       {rip, ~std::uint64_t{0}, Match::equals, "saved RIP"},
                       reported("arrived before STGI", while_l2_ran),
                       reported("arrived behind it", later),
                       {Value{0}, 0, Match::equals, "EXITINFO1"}};
    return expected;
}

/// What most rows have in common.
struct About {
    std::string_view manual = "APM2 15.21.2";
    svm::Features needs = Feature::apic;
    std::vector<InterceptUse> intercepts{};
    std::vector<std::string> covers{};
};

void add(Catalogue& catalogue, const std::string& name, std::string_view title,
         std::vector<Step> steps, std::uint32_t argument, CallExpectation expected,
         const About& about = {},
         const std::source_location& where = std::source_location::current()) {
    for (const bool nested_paging : {true, false}) {
        std::vector<Step> all{vmcb_field(field::rip, at_start)};
        all.insert(all.end(), steps.begin(), steps.end());
        all.emplace_back(Call{"vmrun_with_event", argument});
        const std::string full = "event/" + name;
        add_l1_case(catalogue,
                    {.name = full,
                     .title = title,
                     .manual = about.manual,
                     .needs = about.needs,
                     .nested_paging = nested_paging,
                     .l1_modes = all_l1_modes,
                     .steps = std::move(all),
                     .expectations = {expected},
                     .named_by_paging = true,
                     .intercepts = about.intercepts,
                     .covers = about.covers},
                    where);
    }
}

void interrupts(Catalogue& catalogue) {
    for (unsigned combination = 0; combination < 16; ++combination) {
        const bool masking = (combination & 1) != 0;
        const bool host = (combination & 2) != 0;
        const bool guest = (combination & 4) != 0;
        const bool intercepted = (combination & 8) != 0;
        std::vector<Step> steps;
        if (masking) {
            steps.emplace_back(
                vmcb_set(field::virtual_interrupt, VirtualInterrupt::v_intr_masking.mask()));
        }
        if (guest) {
            steps.emplace_back(vmcb_set(field::rflags, svm::rflags::if_));
        }
        if (intercepted) {
            steps.emplace_back(intercepting(Intercept::intr));
        }
        const bool open = masking ? host : guest;
        CallExpectation expected = outcome(ExitCode::vmmcall, at_marker, 1);
        if (open) {
            expected = intercepted ? outcome(ExitCode::intr, at_start, 1)
                                   : outcome(ExitCode::vmmcall, at_handler(interrupt_vector), 0);
        }
        const auto digit = [](bool value) { return std::string{value ? "1" : "0"}; };
        add(catalogue,
            "physical_interrupt/masking" + digit(masking) + "_host_if" + digit(host) + "_guest_if" +
                digit(guest) + "_intercepted" + digit(intercepted),
            "V_INTR_MASKING says whose IF counts.", steps, interrupt | (host ? host_if : 0u),
            expected);
    }
}

void non_maskable(Catalogue& catalogue) {
    for (const std::uint32_t host : {0u, host_if}) {
        const std::string suffix = host != 0 ? "_host_if1" : "_host_if0";
        add(catalogue, "physical_nmi/intercepted" + suffix,
            "An intercepted NMI exits and is still pending in L1.", {intercepting(Intercept::nmi)},
            nmi | host, outcome(ExitCode::nmi, at_start, 1));
        add(catalogue, "physical_nmi/not_intercepted" + suffix,
            "An NMI that is not intercepted is L2's.", {}, nmi | host,
            outcome(ExitCode::vmmcall, at_handler(2), 0));
    }
}

/// Virtual GIF is about virtual interrupts and NMIs only. APM2 15.33.
void beside_virtual_gif(Catalogue& catalogue) {
    const About about{.manual = "APM2 15.33.2", .needs = {Feature::apic, Feature::vgif}};
    const Step gif_clear = vmcb_field(
        field::virtual_interrupt, VirtualInterrupt{}.with(VirtualInterrupt::v_gif_enable).value);
    const Step enabled = vmcb_set(field::rflags, svm::rflags::if_);
    add(catalogue, "physical_interrupt/virtual_gif_clear/intercepted",
        "VGIF holds no interrupt of the machine.",
        {gif_clear, enabled, intercepting(Intercept::intr)}, interrupt,
        outcome(ExitCode::intr, at_start, 1), about);
    add(catalogue, "physical_interrupt/virtual_gif_clear/not_intercepted",
        "VGIF holds no interrupt of the machine: it is L2's.", {gif_clear, enabled}, interrupt,
        outcome(ExitCode::vmmcall, at_handler(interrupt_vector), 0), about);
    add(catalogue, "physical_nmi/virtual_gif_clear/intercepted",
        "VGIF holds no NMI of the machine.", {gif_clear, intercepting(Intercept::nmi)}, nmi,
        outcome(ExitCode::nmi, at_start, 1), about);
    add(catalogue, "physical_nmi/virtual_gif_clear/not_intercepted",
        "VGIF holds no NMI of the machine: it is L2's.", {gif_clear}, nmi,
        outcome(ExitCode::vmmcall, at_handler(2), 0), about);
    About of_smi = about;
    of_smi.needs.set(Feature::smm_in_memory);
    add(catalogue, "physical_smi/virtual_gif_clear/intercepted", "VGIF holds no SMI.",
        {gif_clear, intercepting(Intercept::smi)}, smi, outcome(ExitCode::smi, at_start, 1),
        of_smi);
    add(catalogue, "physical_smi/virtual_gif_clear/not_intercepted",
        "VGIF holds no SMI: it is handled while L2 runs.", {gif_clear}, smi,
        outcome(ExitCode::vmmcall, at_marker, 1, 1), of_smi);
}

/// With V_NMI_ENABLE the intercept is about the NMIs of the machine, and those only: V_NMI_MASK
/// does not hold them off. APM2 15.21.10.
void beside_virtual_nmi(Catalogue& catalogue) {
    constexpr VirtualInterrupt virtual_nmis =
        VirtualInterrupt{}.with(VirtualInterrupt::v_nmi_enable);
    const About about{.manual = "APM2 15.21.10", .needs = {Feature::apic, Feature::vnmi}};
    add(catalogue, "physical_nmi/virtual_enabled",
        "With V_NMI_ENABLE an NMI of the machine exits, and is still pending in L1.",
        {intercepting(Intercept::nmi), vmcb_field(field::virtual_interrupt, virtual_nmis.value)},
        nmi, outcome(ExitCode::nmi, at_start, 1), about);
    add(catalogue, "physical_nmi/virtual_masked",
        "V_NMI_MASK does not hold an NMI of the machine off.",
        {intercepting(Intercept::nmi),
         vmcb_field(field::virtual_interrupt,
                    virtual_nmis.with(VirtualInterrupt::v_nmi_mask).value)},
        nmi, outcome(ExitCode::nmi, at_start, 1), about);
    add(catalogue, "physical_nmi/virtual_only", "Without one of the machine there is no exit.",
        {intercepting(Intercept::nmi), vmcb_field(field::virtual_interrupt, virtual_nmis.value)},
        nothing, outcome(ExitCode::vmmcall, at_marker, 0), about);
}

/// While L2 handles an NMI the next one waits for its IRET, which an intercept keeps from being
/// executed. The frame of the second NMI lies where that of the first did; had it come earlier, it
/// would lie below. One that is intercepted exits where that frame is gone. APM2 8.2.3, 15.9.
void second_nmi(Catalogue& catalogue) {
    enum Intercepted : std::uint32_t { none, iret, nmi }; // As the routine reads its argument.
    const auto row = [&](std::string_view name, std::string_view title, Intercepted intercepted) {
        CallExpectation expected;
        const auto exit = [&](ExitCode code, Value rip) {
            expected.values.push_back(reported("exit code", static_cast<std::uint64_t>(code)));
            expected.values.push_back({rip, ~std::uint64_t{0}, Match::equals, "saved RIP"});
        };
        exit(ExitCode::vmmcall, at_handler(2));
        if (intercepted == iret) {
            exit(ExitCode::iret, at_start);
            expected.values.push_back(reported("RSP less the first frame", 0));
        }
        if (intercepted == nmi) {
            exit(ExitCode::nmi, at_start);
        } else {
            exit(ExitCode::vmmcall, at_handler(2));
        }
        constexpr std::uint64_t frame = 5 * 8;
        expected.values.push_back(
            reported("RSP less the first frame", intercepted == nmi ? frame : 0));
        expected.values.push_back(reported("NMIs that L1 got", intercepted == nmi ? 1 : 0));
        for (const bool nested_paging : {true, false}) {
            std::vector<InterceptUse> uses;
            if (intercepted == nmi) {
                uses.push_back({Intercept::nmi, InterceptUse::Kind::order});
            }
            add_l1_case(catalogue, {.name = name,
                                    .title = title,
                                    .manual = "APM2 8.2.3, 15.9",
                                    .needs = Feature::apic,
                                    .program = "iret",
                                    .nested_paging = nested_paging,
                                    .l1_modes = all_l1_modes,
                                    .steps = {vmcb_field(field::rip, at_start),
                                              Call{"vmrun_second_nmi", intercepted}},
                                    .expectations = {expected},
                                    .named_by_paging = true,
                                    .intercepts = std::move(uses)});
        }
    };
    row("event/physical_nmi/second_waits_for_iret", "A second NMI waits for L2's IRET.", none);
    row("event/physical_nmi/second_waits_behind_exit_of_iret",
        "An IRET that exits does not let it in.", iret);
    row("event/physical_nmi/second_waits_intercepted", "Nor is it intercepted before L2's IRET.",
        nmi);
}

/// An SMI is not L1's to take: SMM interrupts whoever runs, and RSM goes back there. Intercepts do
/// not apply inside. APM2 15.13.3, 10.2.
void system_management(Catalogue& catalogue) {
    const svm::Features needs{Feature::apic, Feature::smm_in_memory};
    constexpr std::string_view manual = "APM2 15.13.3";
    using Kind = InterceptUse::Kind;
    const Step intercepted = intercepting(Intercept::smi);
    // But for that of RSM, which has a case of its own: a subject that exits by it inside SMM never
    // leaves SMM again.
    const std::vector<Step> others = all_other_intercepts(Intercept::smi, {Intercept::rsm});
    std::vector<Step> all = others;
    all.push_back(intercepted);
    const auto about = [&](Kind kind, std::vector<std::string> covers = {}) {
        return About{manual, needs, {{Intercept::smi, kind}}, std::move(covers)};
    };
    for (const std::uint32_t host : {0u, host_if}) {
        const std::string suffix = host != 0 ? "_host_if1" : "_host_if0";
        add(catalogue, "physical_smi/intercepted" + suffix,
            "An intercepted SMI exits and is still pending in L1.", {intercepted}, smi | host,
            outcome(ExitCode::smi, at_start, 1), about(Kind::taken, {"exit_code/smi"}));
        add(catalogue, "physical_smi/intercepted_all_others" + suffix,
            "With all other intercepts set it is this one.", all, smi | host,
            outcome(ExitCode::smi, at_start, 1), about(Kind::taken_all_others));
        add(catalogue, "physical_smi/not_intercepted" + suffix,
            "An SMI that is not intercepted is handled, and L2 goes on.", {}, smi | host,
            outcome(ExitCode::vmmcall, at_marker, 1, 1), about(Kind::not_taken));
        add(catalogue, "physical_smi/not_intercepted_all_others" + suffix,
            "With all other intercepts set it is handled all the same.", others, smi | host,
            outcome(ExitCode::vmmcall, at_marker, 1, 1), about(Kind::not_taken_all_others));
    }
    // The manual knows two kinds. One from an APIC stays pending, which an internal one does not,
    // so it is external.
    CallExpectation source = outcome(ExitCode::smi, at_start, 1);
    source.values.back() = reported("EXITINFO1", svm::SmiSource::external.mask());
    source.values.back().mask = svm::SmiSource::external.mask() |
                                svm::SmiSource::machine_check.mask() |
                                svm::SmiSource::io_valid.mask();
    About of_source =
        about(Kind::taken, {"exit_info/smi/1/external/set", "exit_info/smi/1/machine_check/clear",
                            "exit_info/smi/1/io_valid/clear"});
    add(catalogue, "physical_smi/source", "EXITINFO1 says that an SMI came from outside.",
        {intercepted}, smi, source, of_source);
    add_l1_case(catalogue, {.name = "event/physical_smi/rsm_intercept_outside",
                            .title = "The intercept of RSM does not reach into SMM.",
                            .manual = manual,
                            .needs = needs,
                            .steps = {vmcb_field(field::rip, at_start),
                                      intercepting(Intercept::rsm), Call{"vmrun_with_event", smi}},
                            .expectations = {outcome(ExitCode::vmmcall, at_marker, 1, 1)},
                            .ends_machine = true,
                            .intercepts = {{Intercept::rsm, Kind::order}}});
}

void beside_virtual_interrupt(Catalogue& catalogue) {
    const auto pending = offered_interrupt(0x40);
    const Step offered = vmcb_field(field::virtual_interrupt, pending.value);
    const Step enabled = vmcb_set(field::rflags, svm::rflags::if_);
    add(catalogue, "physical_interrupt/before_virtual", "The interrupt of the machine is first.",
        {offered, enabled, intercepting(Intercept::intr)}, interrupt,
        outcome(ExitCode::intr, at_start, 1));
    add(catalogue, "virtual_interrupt/not_in_l1",
        "A virtual interrupt that L2 did not take is nothing to L1.", {offered}, nothing | host_if,
        outcome(ExitCode::vmmcall, at_marker, 0));
}

/// Without V_GIF_ENABLE the GIF of L2 is the machine's: CLGI of L2 holds its interrupts off,
/// whatever IF says, until #VMEXIT and L1's STGI, or until its own STGI. The twin without the CLGI
/// is event/interrupt_shadow/sti.
void global_interrupt_flag_of_l2(Catalogue& catalogue) {
    for (const bool intercepted : {true, false}) {
        std::vector<Step> steps{vmcb_field(field::rip, at_start)};
        if (intercepted) {
            steps.emplace_back(intercepting(Intercept::intr));
        }
        steps.emplace_back(Call{"vmrun_with_event", interrupt});
        // Whether STGI has a shadow nobody says, so not where L2 is when it exits.
        CallExpectation admitted =
            intercepted ? outcome(ExitCode::intr, Value{0}, 1)
                        : outcome(ExitCode::vmmcall, at_handler(interrupt_vector), 0);
        if (intercepted) {
            admitted.values[1].mask = 0;
        }
        const std::string suffix = intercepted ? "intercepted" : "not_intercepted";
        for (const bool nested_paging : {true, false}) {
            const auto row = [&](const std::string& what, std::string_view title,
                                 std::string_view program, const CallExpectation& expected) {
                const std::string name = "event/physical_interrupt/" + what + suffix;
                add_l1_case(catalogue, {.name = name,
                                        .title = title,
                                        .manual = "APM2 15.17",
                                        .needs = Feature::apic,
                                        .program = program,
                                        .nested_paging = nested_paging,
                                        .l1_modes = all_l1_modes,
                                        .steps = steps,
                                        .expectations = {expected},
                                        .named_by_paging = true});
            };
            row("behind_clgi_of_l2_", "Behind L2's CLGI an interrupt waits, though STI sets IF.",
                "clgi_sti_nops", outcome(ExitCode::vmmcall, at_marker, 1));
            row("behind_stgi_of_l2_", "L2's own STGI lets it in again.", "clgi_sti_stgi", admitted);
        }
    }
}

void physical_interrupts(Catalogue& catalogue) {
    interrupts(catalogue);
    non_maskable(catalogue);
    beside_virtual_gif(catalogue);
    beside_virtual_nmi(catalogue);
    second_nmi(catalogue);
    system_management(catalogue);
    beside_virtual_interrupt(catalogue);
    global_interrupt_flag_of_l2(catalogue);
}

const Registration registration{physical_interrupts};

} // namespace
} // namespace vmrunit::cases
