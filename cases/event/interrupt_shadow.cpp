// SPDX-License-Identifier: GPL-2.0-only
// The interrupt shadow, and an interrupt of the machine that has been pending since before VMRUN:
// with INTERRUPT_SHADOW set it waits for one instruction, and so it does behind L2's own STI. That
// it waits behind MOV SS and POP SS needs one that arrives just then: so L2 exits there, which
// stores the shadow, and the interrupt comes before L2 goes on. Without one the interrupt is first
// (intercept/intr/taken), and behind POPF it comes at once. With V_INTR_MASKING it is not L2's IF
// that admits interrupts, and whether its shadow counts then nobody says. Virtual interrupts:
// virtual_interrupt.cpp. APM2 15.21.5.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/model/second_run.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::Feature;
using svm::Intercept;
using svm::InterruptShadow;

constexpr std::uint8_t interrupt_vector = 0x51; ///< What the routine pend_own_event sends.

FieldExpectation shadow(bool is_set) {
    return {field::interrupt_shadow, is_set ? 1u : 0u, InterruptShadow::interrupt_shadow.mask()};
}

struct Row {
    std::string_view name; ///< Behind "event/interrupt_shadow/".
    std::string_view title;
    std::string_view manual = "APM2 15.21.5";
    std::string_view program;
    std::vector<Step> setup{};
    std::uint64_t rflags = rflags::always_one; ///< When the interrupt comes, or L2 ends.
    Value rip = at_after;                      ///< Where the interrupt comes.
    std::vector<FieldExpectation> fields{};
};

class Table {
public:
    Table(Catalogue& catalogue, const L2Start& start) : catalogue_{catalogue}, start_{start} {}

    /// The interrupt comes, to L1 by an exit or to L2.
    void comes(const Row& row,
               const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit;
        exit.exit_code = svm::ExitCode::intr;
        exit.rip = row.rip;
        exit.fields = {
            shadow(false), {field::rflags, row.rflags}, {field::rsp, in_memory(l2_stack_end)}};
        add_pending(row, "intercepted", {intercepting(Intercept::intr)}, std::move(exit), 1, where);
        ExitExpectation handled = delivered(start_, {.vector = interrupt_vector,
                                                     .return_rip = row.rip,
                                                     .rflags = row.rflags & ~rflags::vm});
        handled.fields.push_back(shadow(false));
        add_pending(row, "not_intercepted", {}, std::move(handled), 0, where);
    }

    /// L2 exits in the shadow before it comes.
    void exits_first(const Row& row,
                     const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit = program_ends();
        exit.fields = {shadow(true), {field::rflags, row.rflags}};
        add_pending(row, "intercepted", {intercepting(Intercept::intr)}, exit, 1, where);
        add_pending(row, "not_intercepted", {}, exit, 1, where);
    }

    /// There is no interrupt.
    void ends(const Row& row, bool in_shadow,
              const std::source_location& where = std::source_location::current()) {
        ExitExpectation exit = program_ends();
        exit.fields.push_back(shadow(in_shadow));
        add(row, "", row.setup, std::move(exit), {}, where);
    }

private:
    /// `got`: interrupts that L1 has had in the end.
    void add_pending(const Row& row, const std::string& kind, const std::vector<Step>& intercepts,
                     ExitExpectation exit, unsigned got, const std::source_location& where) {
        std::vector<Step> steps = row.setup;
        steps.insert(steps.end(), intercepts.begin(), intercepts.end());
        steps.emplace_back(Call{"pend_own_event"});
        CallExpectation count;
        count.values = {{.value = got, .what = "events that L1 got"}};
        add(row, "/" + kind, std::move(steps), std::move(exit), count, where);
    }

    void add(const Row& row, const std::string& kind, std::vector<Step> steps, ExitExpectation exit,
             std::optional<CallExpectation> count, const std::source_location& where) {
        exit.fields.insert(exit.fields.end(), row.fields.begin(), row.fields.end());
        GuestRow made{.name = "event/interrupt_shadow/" + std::string{row.name} + kind,
                      .title = row.title,
                      .manual = row.manual,
                      .program = row.program,
                      .steps = std::move(steps),
                      .exit = std::move(exit)};
        if (count) {
            made.needs = Feature::apic;
            made.then = {Call{"count_own_event"}};
            made.then_expected = {*count};
        }
        add_guest_case(catalogue_, made, start_, where);
    }

    Catalogue& catalogue_;
    L2Start start_;
};

/// Of the VMCB.
void loaded(Table& table, std::uint64_t mode_flag) {
    const std::uint64_t enabled = rflags::always_one | rflags::if_ | mode_flag;
    const Step in_shadow =
        vmcb_field(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask());
    const std::vector<Step> setup{vmcb_set(field::rflags, rflags::if_), in_shadow};
    table.comes({.name = "loaded",
                 .title = "INTERRUPT_SHADOW holds an interrupt off for one instruction.",
                 .program = "pause",
                 .setup = setup,
                 .rflags = enabled});
    table.exits_first({.name = "exit_in_loaded",
                       .title = "An exit from the shadow stores it; the interrupt is L1's.",
                       .program = "nothing",
                       .setup = setup,
                       .rflags = enabled});
}

/// By instructions of L2. At CPL 3 they need an IOPL of 3.
void made_by_l2(Table& table, const L2Start& start, std::uint64_t mode_flag) {
    const auto slot = static_cast<std::uint8_t>(code_bits(start.mode) / 8);
    const std::uint32_t top = l2_stack_end - slot;
    const std::uint64_t kept = rflags::always_one | (start.cpl == 3 ? rflags::iopl : 0);
    const std::uint64_t enabled = kept | rflags::if_;
    const Step disabled = vmcb_set(field::rflags, kept);
    table.comes({.name = "sti",
                 .title = "STI holds it off for one instruction more.",
                 .manual = "APM2 15.21.5, APM3 STI",
                 .program = "sti_nops",
                 .setup = {disabled},
                 .rflags = enabled | mode_flag,
                 .rip = Value{Anchor::after, 0, 1}});
    table.exits_first({.name = "exit_behind_sti",
                       .title = "An exit behind STI stores its shadow; the interrupt is L1's.",
                       .manual = "APM2 15.21.5, APM3 STI",
                       .program = "sti",
                       .setup = {disabled},
                       .rflags = enabled | mode_flag});
    table.comes({.name = "popf",
                 .title = "Behind POPF there is no shadow.",
                 .manual = "APM2 15.21.5, APM3 POPF",
                 .program = "popf_nops",
                 .setup = {disabled, vmcb_field(field::rsp, in_memory(top)),
                           Write{wire::Op::Code::write, Region::l2_memory, top, slot, enabled}},
                 .rflags = enabled | mode_flag});
}

/// The same selector again, so that nothing else changes.
void stack_segment(Table& table, const L2Start& start) {
    const auto load = [&](std::string_view name, std::string_view program, svm::FieldRef segment,
                          bool in_shadow) {
        table.ends({.name = name,
                    .title = in_shadow ? "An exit behind a load of SS stores its shadow."
                                       : "A load of another segment makes no shadow.",
                    .manual = "APM2 15.21.5, APM3 MOV",
                    .program = program,
                    .setup = {l2_register(Register::rbx, fresh(segment))}},
                   in_shadow);
    };
    load("exit_behind_mov_ss", "set_ss", field::ss_selector, true);
    load("exit_behind_mov_ds", "set_ds", field::ds_selector, false);
    if (start.mode == L2Mode::long64) {
        return; // POP SS is not valid there.
    }
    const auto slot = static_cast<std::uint8_t>(code_bits(start.mode) / 8);
    const std::uint32_t top = l2_stack_end - slot;
    table.ends({.name = "exit_behind_pop_ss",
                .title = "An exit behind a load of SS stores its shadow.",
                .manual = "APM2 15.21.5, APM3 POP",
                .program = "pop_ss",
                .setup = {vmcb_field(field::rsp, in_memory(top)),
                          Write{wire::Op::Code::write, Region::l2_memory, top, slot,
                                fresh(field::ss_selector)}},
                .fields = {{field::rsp, in_memory(l2_stack_end)}}},
               true);
}

/// L2 exits behind a load of a segment, by an intercepted PAUSE. Before it goes on, and may execute
/// that, an interrupt of the machine arrives.
void arrives_behind_load(Catalogue& catalogue, const L2Start& start) {
    constexpr std::uint64_t pause_length = 2;
    const std::uint64_t mode_flag = start.mode == L2Mode::v86 ? rflags::vm : 0;
    constexpr std::uint64_t enabled = rflags::always_one | rflags::if_;
    const auto slot = static_cast<std::uint8_t>(code_bits(start.mode) / 8);
    const std::uint32_t top = l2_stack_end - slot;
    struct Load {
        std::string_view name;
        std::string_view program;
        svm::FieldRef segment;
        bool makes_shadow;
        bool pops = false;
    };
    Write execute_pause = intercepting(Intercept::pause);
    execute_pause.code = wire::Op::Code::clear_bits;
    for (const Load& load : {Load{"mov_ss", "set_ss_pause", field::ss_selector, true},
                             Load{"mov_ds", "set_ds_pause", field::ds_selector, false},
                             Load{"pop_ss", "pop_ss_pause", field::ss_selector, true, true}}) {
        if (load.pops && start.mode == L2Mode::long64) {
            continue; // POP SS is not valid there.
        }
        std::vector<Step> steps{vmcb_set(field::rflags, rflags::if_),
                                intercepting(Intercept::pause)};
        if (load.pops) {
            steps.emplace_back(vmcb_field(field::rsp, in_memory(top)));
            steps.emplace_back(
                Write{wire::Op::Code::write, Region::l2_memory, top, slot, fresh(load.segment)});
        } else {
            steps.emplace_back(l2_register(Register::rbx, fresh(load.segment)));
        }
        ExitExpectation pauses{.exit_code = svm::ExitCode::pause,
                               .rip = at_after,
                               .next_rip = Value{Anchor::after, 0, pause_length}};
        pauses.fields = {shadow(load.makes_shadow)};
        if (load.pops) {
            pauses.fields.push_back({field::rsp, in_memory(l2_stack_end)});
        }
        const Value comes = load.makes_shadow ? Value{Anchor::after, 0, pause_length} : at_after;
        for (const bool intercepted : {true, false}) {
            ExitExpectation exit = delivered(
                start, {.vector = interrupt_vector, .return_rip = comes, .rflags = enabled});
            // What the exit has stored: each VMRUN of a case begins with the case's own VMCB.
            std::vector<Step> then = fresh_directory_pointers(start.mode);
            then.insert(then.end(),
                        {execute_pause, vmcb_field(field::rip, at_after),
                         vmcb_field(field::rsp, in_memory(l2_stack_end)),
                         vmcb_field(field::interrupt_shadow, load.makes_shadow ? 1 : 0)});
            if (intercepted) {
                exit = {.exit_code = svm::ExitCode::intr, .rip = comes};
                exit.fields = {{field::rflags, enabled | mode_flag}};
                then.emplace_back(intercepting(Intercept::intr));
            }
            exit.fields.push_back(shadow(false));
            then.emplace_back(Call{"pend_own_event"});
            then.emplace_back(Run{});
            then.emplace_back(Call{"count_own_event"});
            CallExpectation count;
            count.values = {{.value = intercepted ? 1u : 0u, .what = "events that L1 got"}};
            add_guest_case(
                catalogue,
                {.name = "event/interrupt_shadow/arrives_behind_" + std::string{load.name} +
                         (intercepted ? "/intercepted" : "/not_intercepted"),
                 .title = load.makes_shadow ? "Behind a load of SS it waits for one instruction."
                                            : "Behind a load of another segment it comes at once.",
                 .manual = "APM2 15.21.5, APM3 MOV, POP",
                 .needs = Feature::apic,
                 .program = load.program,
                 .steps = steps,
                 .exit = pauses,
                 .then = std::move(then),
                 .then_expected = {CallExpectation{}, std::move(exit), count}},
                start);
        }
    }
}

/// VMRUN in a shadow of L1: L2 has what its VMCB says, here none, so it holds nothing off and
/// stores none. Without one the same happens.
void shadow_of_l1(Catalogue& catalogue) {
    constexpr std::uint32_t is_pending = 0x10; // As vmrun_in_shadow reads its argument.
    struct Shadow {
        std::string name;
        std::uint32_t argument;
    };
    for (const Shadow& shadow : {Shadow{"none", 0}, Shadow{"sti", 1}, Shadow{"mov_ss", 2}}) {
        for (const bool pending : {true, false}) {
            CallExpectation expected;
            const svm::ExitCode code = pending ? svm::ExitCode::intr : svm::ExitCode::vmmcall;
            expected.values = {reported("exit code", static_cast<std::uint64_t>(code)),
                               {at_start, ~std::uint64_t{0}, Match::equals, "saved RIP"},
                               reported("INTERRUPT_SHADOW", 0),
                               reported("interrupts that L1 got", pending ? 1 : 0)};
            for (const bool nested_paging : {true, false}) {
                add_l1_case(
                    catalogue,
                    {.name = "event/interrupt_shadow/of_l1/" + shadow.name +
                             (pending ? "/pending" : "/nothing_pending"),
                     .title = "A shadow of L1 in front of VMRUN is none of L2.",
                     .manual = "APM2 15.5.1, 15.21.5",
                     .needs = Feature::apic,
                     .nested_paging = nested_paging,
                     .l1_modes = all_l1_modes,
                     .steps = {vmcb_field(field::rip, at_start),
                               vmcb_set(field::rflags, rflags::if_), intercepting(Intercept::intr),
                               Call{"vmrun_in_shadow",
                                    shadow.argument | (pending ? is_pending : 0)}},
                     .expectations = {expected},
                     .named_by_paging = true});
            }
        }
    }
}

void interrupt_shadows(Catalogue& catalogue) {
    shadow_of_l1(catalogue);
    each_start([&](const L2Start& start) {
        Table table{catalogue, start};
        const std::uint64_t mode_flag = start.mode == L2Mode::v86 ? rflags::vm : 0;
        loaded(table, mode_flag);
        made_by_l2(table, start, mode_flag);
        stack_segment(table, start);
        arrives_behind_load(catalogue, start);
    });
}

const Registration registration{interrupt_shadows};

} // namespace
} // namespace vmrunit::cases
