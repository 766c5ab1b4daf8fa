// SPDX-License-Identifier: GPL-2.0-only
// The task priority that decides about interrupts of the machine: that of the local APIC, and never
// V_TPR. With V_INTR_MASKING clear it is the APIC's that L2 writes by CR8, so L2 opens and closes
// the way for them; with it set L2 writes V_TPR alone, and L1's keeps deciding. The interrupts have
// priority 5. Those of V_IRQ: virtual_interrupt.cpp. APM2 15.21.1 to 15.21.3.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;

constexpr std::uint8_t interrupt_vector = 0x51; ///< What the routine, or L2, sends.
constexpr std::uint64_t command_register = 0xfee0'0300;

// As the routine pend_own_event reads its argument.
constexpr std::uint32_t sent_by_l1 = 0;
constexpr std::uint32_t sent_by_l2 = 4;
constexpr std::uint32_t l1_takes_interrupts = 0x10;
constexpr std::uint32_t apic_in_memory = 0x20;
constexpr unsigned priority_at = 8;

/// A task priority that admits the interrupt, and one that does not.
enum Level : std::uint8_t { below = 4, above = 9 };

/// What is asked in all ways of L2 to have a task priority.
struct Combination {
    bool masking;
    Level l1;
    Level l2;
    bool intercepted;

    [[nodiscard]] std::string name() const {
        const auto level = [](Level which) {
            return std::string{which == below ? "_below" : "_above"};
        };
        return "masking" + std::string{masking ? "1" : "0"} + "_l1" + level(l1) + "_l2" +
               level(l2) + (intercepted ? "/intercepted" : "/not_intercepted");
    }
};

template<class Visit>
void each_combination(Visit&& visit) {
    for (const bool masking : {false, true}) {
        for (const Level l1 : {below, above}) {
            for (const Level l2 : {below, above}) {
                for (const bool intercepted : {true, false}) {
                    visit(Combination{masking, l1, l2, intercepted});
                }
            }
        }
    }
}

/// How L2 comes by its task priority, and where the interrupt is from.
struct Way {
    std::string_view name; ///< Behind "event/task_priority/".
    std::string_view title;
    std::string_view program;
    svm::Features needs{};
    bool writes_cr8 = true; ///< Else V_TPR is all that it has.
    bool sends = false;     ///< L2 itself sends the interrupt.
};

/// V_TPR is L2's from the start, so no more than the writes themselves can tell it from the APIC's.
void row(Catalogue& catalogue, const Way& way, const Combination& one, const L2Start& start,
         const std::source_location& where = std::source_location::current()) {
    const bool reaches_apic = way.writes_cr8 && !one.masking;
    if (reaches_apic && !way.sends && one.l1 == below && one.l2 == above) {
        return; // The APIC has offered the interrupt, and may now offer a spurious one.
                // APM2 16.4.7.
    }
    const Level decides = reaches_apic ? one.l2 : one.l1;
    // Whose IF counts admits it. Where L2's does and L2 sets it, it does so behind its MOV.
    const bool sets_if = way.writes_cr8 && !way.sends;
    const bool starts_enabled = !sets_if;
    const std::uint64_t mode_flag = start.mode == L2Mode::v86 ? rflags::vm : 0;
    const std::uint64_t enabled = rflags::always_one | rflags::if_;
    const std::uint64_t at_entry = starts_enabled ? enabled : rflags::always_one;

    std::vector<Step> steps{
        vmcb_field(field::rflags, at_entry | mode_flag),
        vmcb_field(field::virtual_interrupt,
                   VirtualInterrupt{}
                       .with(VirtualInterrupt::v_tpr, one.l2)
                       .with(VirtualInterrupt::v_intr_masking, one.masking ? 1 : 0)
                       .value)};
    if (way.writes_cr8) {
        steps.emplace_back(vmcb_field(field::rax, one.l2));
    }
    if (way.sends) {
        steps.emplace_back(l2_register(Register::rdi, command_register));
    }
    if (one.intercepted) {
        steps.emplace_back(intercepting(Intercept::intr));
    }
    steps.emplace_back(
        Call{"pend_own_event", (way.sends ? sent_by_l2 | apic_in_memory : sent_by_l1) |
                                   (one.masking ? l1_takes_interrupts : 0) |
                                   std::uint32_t{one.l1} << priority_at});

    ExitExpectation exit = program_ends();
    const bool comes = decides == below;
    // It waits for no instruction of L2.
    const bool is_first = starts_enabled || one.masking;
    if (comes) {
        const Value rip = way.sends  ? at_insn
                          : is_first ? at_start
                                     : Value{Anchor::after, 0, 1}; // STI's shadow.
        const std::uint64_t then = is_first ? at_entry : enabled;
        if (one.intercepted) {
            exit = {.exit_code = svm::ExitCode::intr, .rip = rip};
            exit.fields = {{field::rflags, then | mode_flag}};
        } else {
            exit =
                delivered(start, {.vector = interrupt_vector, .return_rip = rip, .rflags = then});
        }
    } else if (sets_if) {
        exit.fields = {{field::rflags, enabled}};
    }
    if (way.sends) { // It counts down while it waits.
        exit.registers.push_back({Register::rcx, {}, ~std::uint64_t{0}, Match::free});
    }
    const bool is_l1s = !comes || one.intercepted;
    CallExpectation priority;
    priority.values = {{.value = decides, .what = "task priority of the APIC"}};
    CallExpectation count;
    count.values = {{.value = is_l1s ? 1u : 0u, .what = "interrupts that L1 got"}};
    svm::Features needs = way.needs;
    needs.set(Feature::apic);
    add_guest_case(catalogue,
                   {.name = "event/task_priority/" + std::string{way.name} + "/" + one.name(),
                    .title = way.title,
                    .manual = "APM2 15.21.1, 15.21.2",
                    .needs = needs,
                    .program = way.program,
                    .steps = std::move(steps),
                    .exit = std::move(exit),
                    .then = {Call{"own_task_priority"}, Call{"count_own_event"}},
                    .then_expected = {priority, count}},
                   start, where);
}

constexpr std::string_view by_apic = "The APIC's task priority decides, whoever wrote it.";
constexpr std::string_view by_v_tpr = "V_TPR is nothing to interrupts of the machine.";

void task_priorities(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        const auto all = [&](const Way& way) {
            each_combination([&](const Combination& one) { row(catalogue, way, one, start); });
        };
        const bool is_flat = !is_16bit(start.mode);
        const svm::Features lock_mov{Feature::alt_mov_cr8};
        all({"v_tpr", by_v_tpr, "nothing", {}, false});
        if (is_flat) {
            all({"v_tpr/sent_by_l2", by_v_tpr, "send", {}, false, true});
        }
        if (start.cpl != 0) {
            return; // No MOV to CR8 there.
        }
        all({"lock_mov_cr0", by_apic, "lock_write_cr0_sti_nops", lock_mov});
        if (is_flat) {
            all({"lock_mov_cr0/sent_by_l2", by_apic, "lock_write_cr0_send", lock_mov, true, true});
        }
        if (start.mode == L2Mode::long64) {
            all({"mov_cr8", by_apic, "write_cr8_sti_nops"});
            all({"mov_cr8/sent_by_l2", by_apic, "write_cr8_send", {}, true, true});
        }
    });
}

const Registration registration{task_priorities};

} // namespace
} // namespace vmrunit::cases
