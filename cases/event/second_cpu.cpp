// SPDX-License-Identifier: GPL-2.0-only
// Events that another CPU sends while L2 runs: they arrive between two of its instructions, not at
// its entry. APM2 15.13, 15.17.

#include "cases/event/l2_elsewhere.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;
using Kind = InterceptUse::Kind;

struct Sending {
    std::string name; ///< Behind "event/from_second_cpu/".
    std::string_view title;
    std::string_view manual;
    Intercept intercept;
    bool intercepted = false;
    std::uint32_t argument = 0;
    CallExpectation expected{};
    std::vector<Step> steps{};
    svm::Features needs{};
    std::optional<Kind> kind{}; ///< Where it is none of those that kind_of() tells.
};

/// Clear where all others are set. Where INIT is to become #SX, its own intercept would come first.
/// A subject that exits by RSM inside SMM never leaves SMM again.
std::vector<Intercept> kept_clear(const Sending& row) {
    if ((row.argument & redirects) != 0) {
        return {Intercept::init};
    }
    return row.intercept == Intercept::smi ? std::vector{Intercept::rsm} : std::vector<Intercept>{};
}

std::vector<std::string> covers(const Sending& row) {
    std::vector<std::string> items;
    if (row.intercepted) {
        items.push_back("exit_code/" + std::string{svm::intercept_info(row.intercept).name});
    }
    if ((row.argument & redirects) != 0) {
        items.emplace_back("rule/interrupt/init_redirected");
        if (row.intercepted) {
            items.emplace_back("exit_info/exception_sx/1/error_code");
        }
    }
    return items;
}

Kind kind_of(const Sending& row, bool all_others) {
    if (row.intercepted) {
        return all_others ? Kind::taken_all_others : Kind::taken;
    }
    return all_others ? Kind::not_taken_all_others : Kind::not_taken;
}

/// 64-bit L2 at CPL 0 is not named.
std::string in_start(const L2Start& start) {
    if (start.mode == L2Mode::long64 && start.cpl == 0) {
        return "";
    }
    return "/in_" + std::string{l2_mode_names[static_cast<unsigned>(start.mode)]} + "_cpl" +
           std::to_string(start.cpl);
}

void add(Catalogue& catalogue, const Sending& row, bool all_others, const L2Start& start,
         const std::source_location& where) {
    Case made;
    made.start = start;
    made.name = full_name("event/from_second_cpu/" + row.name + (all_others ? "_all_others" : "") +
                              in_start(start),
                          {.l2_mode = false, .cpl = false}, start);
    made.title = row.title;
    made.manual = row.manual;
    made.file = project_path(where.file_name());
    made.line = where.line();
    made.program = (row.argument & waits) != 0      ? "clgi_waits_for_word"
                   : (row.argument & released) != 0 ? "waits_for_word"
                                                    : "waits";
    made.needs = row.needs;
    made.needs.set(Feature::apic);
    made.needs.set(Feature::second_cpu);
    if (row.intercept == Intercept::smi) {
        made.needs.set(Feature::smm_in_memory);
    }
    if (start.nested_paging) {
        made.needs.set(Feature::np);
    }
    made.steps = {vmcb_field(field::rip, at_start), vmcb_field(field::rax, l2_data),
                  vmcb_set(field::rflags, svm::rflags::if_)};
    made.steps.insert(made.steps.end(), row.steps.begin(), row.steps.end());
    if (all_others) {
        const std::vector<Step> others = all_other_intercepts(row.intercept, kept_clear(row));
        made.steps.insert(made.steps.end(), others.begin(), others.end());
    }
    if (row.intercepted) {
        made.steps.emplace_back(intercepting(row.intercept));
    }
    made.steps.emplace_back(Call{"send_to_l2_elsewhere", row.argument});
    made.expectations = {row.expected};
    made.intercepts = {{row.intercept, row.kind.value_or(kind_of(row, all_others))}};
    made.covers = covers(row);
    if (in_reach_of_l1(made)) {
        catalogue.add(std::move(made));
    }
}

/// With only the intercepts that there must be, and with all others set. Each case starts a CPU, so
/// the modes that the tables of 64-bit L2 say nothing of have one L1 and one kind of paging: the
/// events that L1 cannot send to itself (intercept/events.cpp has the others in every start).
void add(Catalogue& catalogue, const std::string& name, std::string_view title,
         std::string_view manual, Intercept intercept, bool intercepted, std::uint32_t argument,
         const CallExpectation& expected,
         const std::source_location& where = std::source_location::current()) {
    const Sending row{name, title, manual, intercept, intercepted, argument, expected};
    const bool before_l2 = (argument & held) != 0; // so neither its mode nor its paging matters
    const bool in_all_modes =
        !before_l2 && intercept != Intercept::intr && intercept != Intercept::nmi;
    for (const bool all_others : {false, true}) {
        for (const bool nested_paging : {true, false}) {
            if (before_l2 && !nested_paging) {
                continue;
            }
            each_l1_mode(all_l1_modes, [&](L1Mode l1) {
                add(catalogue, row, all_others, {L2Mode::long64, 0, nested_paging, l1}, where);
            });
        }
        for (unsigned number = 0; in_all_modes && number < l2_mode_count; ++number) {
            const auto mode = static_cast<L2Mode>(number);
            for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
                if (has_cpl(mode, cpl) && (mode != L2Mode::long64 || cpl != 0)) {
                    add(catalogue, row, all_others, {mode, cpl, true, L1Mode::long64}, where);
                }
            }
        }
    }
}

void from_second_cpu(Catalogue& catalogue) {
    add(catalogue, "interrupt/intercepted", "An interrupt from elsewhere exits and is pending.",
        "APM2 15.13.1", Intercept::intr, true, interrupt,
        comes_to(ExitElsewhere{ExitCode::intr, at_insn}, true, 1));
    add(catalogue, "interrupt/not_intercepted", "L2 takes the interrupt by its own IDT.",
        "APM2 15.13.1", Intercept::intr, false, interrupt,
        comes_to(ExitElsewhere{ExitCode::vmmcall, at_handler(sent_vector)}, true, 0));
    add(catalogue, "nmi/intercepted", "An NMI from elsewhere exits and is pending.", "APM2 15.13.2",
        Intercept::nmi, true, nmi, comes_to(ExitElsewhere{ExitCode::nmi, at_insn}, true, 1));
    add(catalogue, "nmi/not_intercepted", "L2 takes the NMI by its own IDT.", "APM2 15.13.2",
        Intercept::nmi, false, nmi,
        comes_to(ExitElsewhere{ExitCode::vmmcall, at_handler(2)}, true, 0));
    add(catalogue, "init/intercepted", "INIT exits; pending, it resets the CPU at STGI.",
        "APM2 15.13.4", Intercept::init, true, init,
        is_reset(ExitElsewhere{ExitCode::init, at_insn}));
    add(catalogue, "init/not_intercepted", "INIT resets the CPU, L2 or not.", "APM2 15.13.4",
        Intercept::init, false, init | no_exit, is_reset(std::nullopt));
    // INIT comes before an NMI that waits as well; the NMI does not outlive it. APM2 8.5, 15.13.4.
    add(catalogue, "held_nmi/intercepted", "An NMI that waited for VMRUN exits before L2 begins.",
        "APM2 15.17", Intercept::nmi, true, nmi | held,
        comes_to(ExitElsewhere{ExitCode::nmi, at_start}, true, 1));
    add(catalogue, "held_nmi/not_intercepted", "L2 takes an NMI that waited for VMRUN.",
        "APM2 15.17", Intercept::nmi, false, nmi | held,
        comes_to(ExitElsewhere{ExitCode::vmmcall, at_handler(2)}, true, 0));
    add(catalogue, "held_init_and_nmi/intercepted", "INIT exits before the NMI that waits as well.",
        "APM2 8.5, 15.13.4", Intercept::init, true, init | held | with_nmi,
        is_reset(ExitElsewhere{ExitCode::init, at_start}));
    add(catalogue, "held_init_and_nmi/not_intercepted",
        "INIT resets the CPU before L2 or L1 has the NMI that waits as well.", "APM2 8.5, 15.13.4",
        Intercept::init, false, init | held | with_nmi | no_exit, is_reset(std::nullopt));
    // SMM is nobody's: its handler runs whatever L1 intercepts, and L2 goes on behind it. Its count
    // is the one number that both see. APM2 15.13.3, 15.22.
    add(catalogue, "smi/intercepted", "An SMI from elsewhere exits and is pending.", "APM2 15.13.3",
        Intercept::smi, true, smi, comes_to(ExitElsewhere{ExitCode::smi, at_insn}, true, 1));
    add(catalogue, "smi/not_intercepted", "An SMI is handled, and L2 goes on where it was.",
        "APM2 15.22", Intercept::smi, false, smi | released,
        comes_to(ExitElsewhere{ExitCode::vmmcall, at_marker}, true, 1, 1));
    // Not an INIT any more: none is pending, and nothing resets the CPU. APM2 15.28.
    constexpr std::uint8_t security_exception = 30;
    CallExpectation exits =
        comes_to(ExitElsewhere{ExitCode::exception_sx, at_insn}, true, 0, 0, false);
    exits.values[8] = reported("EXITINFO1: the error code", 1);
    add(catalogue, "init/redirected/intercepted", "VM_CR.R_INIT turns INIT into #SX, which exits.",
        "APM2 15.28", Intercept::exception_sx, true, init | redirects, exits);
    add(catalogue, "init/redirected/not_intercepted", "L2 takes #SX by its own IDT.", "APM2 15.28",
        Intercept::exception_sx, false, init | redirects,
        comes_to(ExitElsewhere{ExitCode::vmmcall, at_handler(security_exception)}, true, 0, 0,
                 false));
}

/// 64-bit L2 at CPL 0, without the other intercepts.
void add_plain(Catalogue& catalogue, const Sending& row,
               const std::source_location& where = std::source_location::current()) {
    for (const bool nested_paging : {true, false}) {
        each_l1_mode(all_l1_modes, [&](L1Mode l1) {
            add(catalogue, row, false, {L2Mode::long64, 0, nested_paging, l1}, where);
        });
    }
}

/// Without V_GIF_ENABLE the GIF of L2 is the machine's: its CLGI holds off, intercepted or not,
/// until #VMEXIT and L1's STGI. The twins are nmi/, smi/ and init/ above. APM2 15.17.
void behind_clgi_of_l2(Catalogue& catalogue) {
    struct Event {
        Sent kind;
        std::string name;
        Intercept intercept;
        std::string_view title;
    };
    const ExitElsewhere ends{ExitCode::vmmcall, at_marker};
    for (const Event& event :
         {Event{nmi, "nmi", Intercept::nmi, "Behind L2's CLGI an NMI waits for L1's STGI."},
          Event{smi, "smi", Intercept::smi, "Behind L2's CLGI an SMI waits for L1's STGI."},
          Event{init, "init", Intercept::init, "Behind L2's CLGI INIT waits for L1's STGI."}}) {
        for (const bool intercepted : {true, false}) {
            Sending row{.name = event.name + "/behind_clgi_of_l2_" +
                                (intercepted ? "intercepted" : "not_intercepted"),
                        .title = event.title,
                        .manual = "APM2 15.17",
                        .intercept = event.intercept,
                        .argument = event.kind | released | waits,
                        .expected = event.kind == init ? is_reset(ends) : comes_to(ends, true, 1)};
            if (intercepted) {
                row.steps = {intercepting(event.intercept)};
                row.kind = Kind::order;
            }
            add_plain(catalogue, row);
        }
    }
}

/// Virtual GIF is about virtual interrupts and NMIs only. APM2 15.33.2.
void beside_virtual_gif(Catalogue& catalogue) {
    for (const bool intercepted : {true, false}) {
        const std::optional<ExitElsewhere> exit =
            intercepted ? std::optional{ExitElsewhere{ExitCode::init, at_insn}} : std::nullopt;
        const Sending row{
            .name = std::string{"init/virtual_gif_clear/"} +
                    (intercepted ? "intercepted" : "not_intercepted"),
            .title = "VGIF holds no INIT.",
            .manual = "APM2 15.13.4, 15.33.2",
            .intercept = Intercept::init,
            .intercepted = intercepted,
            .argument = init | (intercepted ? 0u : no_exit),
            .expected = is_reset(exit),
            .steps = {vmcb_field(field::virtual_interrupt,
                                 VirtualInterrupt{}.with(VirtualInterrupt::v_gif_enable).value)},
            .needs = Feature::vgif};
        add_plain(catalogue, row);
    }
}

void events_from_elsewhere(Catalogue& catalogue) {
    from_second_cpu(catalogue);
    behind_clgi_of_l2(catalogue);
    beside_virtual_gif(catalogue);
}

const Registration registration{events_from_elsewhere};

} // namespace
} // namespace vmrunit::cases
