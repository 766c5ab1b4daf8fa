// SPDX-License-Identifier: GPL-2.0-only
// HLT, MONITOR and MWAIT. What waits is given a virtual interrupt that is held off for just this
// one instruction, so a machine that executes it wakes up again, behind it. APM2 15.9, table 15-7;
// virtual interrupts: 15.21.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::Feature;
using svm::Intercept;
using svm::InterruptShadow;
using svm::VirtualInterrupt;

constexpr std::string_view manual = "APM2 15.9";
constexpr std::uint8_t wake_up_vector = 0x40;
constexpr std::uint64_t enabled = rflags::always_one | rflags::if_;
constexpr Delivery invalid_opcode{.vector = 6};
constexpr Delivery general_protection{.vector = 13, .error_code = 0};

/// An interrupt for L2 that no task priority stops.
constexpr std::uint64_t pending = offered_interrupt(wake_up_vector).value;

/// Those programs begin with STI, and the interrupt has been pending before.
std::vector<Step> interrupt_pending(std::vector<Step> setup = {}) {
    setup.emplace_back(vmcb_field(field::virtual_interrupt, pending));
    return setup;
}

/// At the instruction under test. RFLAGS.VM is as L2 began.
std::vector<FieldExpectation> in_shadow(std::uint64_t flags = enabled) {
    return {{field::rflags, fresh(field::rflags) | flags},
            {field::interrupt_shadow, 1, InterruptShadow::interrupt_shadow.mask()}};
}

Delivery woken(std::uint64_t flags = enabled) {
    return {.vector = wake_up_vector, .return_rip = at_after, .rflags = flags};
}

Effect interrupt_taken() {
    return {.fields = {{field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask()}}};
}

/// MONITOR watches L2's data, with no extension and no hint.
std::vector<Step> watch(Value address) {
    return {l2_register(Register::rax, address), l2_register(Register::rcx, 0),
            l2_register(Register::rdx, 0)};
}

/// MWAIT with no hint and no extension.
std::vector<Step> plain_wait() {
    return {l2_register(Register::rax, 0), l2_register(Register::rcx, 0)};
}

/// rDI points at a far pointer to it, in the code segment that L2 has.
std::vector<Step> far_pointer_to(Value target) {
    return {l2_register(Register::rdi, l2_data), l2_data_bytes(0, 4, target),
            l2_data_bytes(4, 2, fresh(field::cs_selector))};
}
/// The STI before it.
constexpr Value before_insn{Anchor::insn, 0, ~std::uint64_t{0}};

// clang-format off

void hlt(InstructionTable& table) {
    table.row({.subject = "hlt", .program = "hlt", .intercept = Intercept::hlt,
               .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::behind,
               .runs_without_intercept = false});
    table.row({.subject = "hlt", .variant = "interrupt_pending", .program = "sti_hlt",
               .intercept = Intercept::hlt, .manual = manual,
               .setup = interrupt_pending(),
               .taken_fields = in_shadow(),
               .executed = interrupt_taken(),
               .raises = woken()});
    // IDLE_HLT asks whether anything could wake L2 up. Whether a V_IRQ that V_TPR holds back or a
    // V_NMI behind an NMI counts as that no chapter says.
    table.row({.subject = "idle_hlt", .program = "hlt", .intercept = Intercept::idle_hlt,
               .manual = manual, .needs = Feature::idle_hlt_intercept, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::behind,
               .also_meets = {Intercept::hlt}, .runs_without_intercept = false});
    table.row({.subject = "idle_hlt", .variant = "interrupt_pending", .program = "sti_hlt",
               .intercept = Intercept::idle_hlt, .manual = manual,
               .needs = Feature::idle_hlt_intercept,
               .setup = interrupt_pending(),
               .reach = Reach::not_covered,
               .executed = interrupt_taken(),
               .raises = woken()});
}

void monitor(InstructionTable& table) {
    // At CPL 3 MONITOR and MWAIT are invalid while HWCR.MonMwaitUserEn is clear, as after reset.
    table.row({.subject = "monitor", .program = "monitor", .intercept = Intercept::monitor,
               .manual = manual, .needs = Feature::monitor,
               .cpl3 = AtCpl3::gp_first, .cpl3_fault = invalid_opcode,
               .page_end = PageEnd::within,
               .setup = watch(l2_data)});
    std::vector<Step> with_extension = watch(l2_data);
    with_extension.emplace_back(l2_register(Register::rcx, 2));
    table.row({.subject = "monitor", .variant = "bad_extension", .program = "monitor",
               .intercept = Intercept::monitor, .manual = manual, .needs = Feature::monitor,
               .setup = with_extension,
               .reach = Reach::exception_first,
               .raises = general_protection});
    table.row({.subject = "monitor", .variant = "unmapped", .program = "monitor",
               .intercept = Intercept::monitor, .manual = manual, .needs = Feature::monitor,
               .modes = only_long64,
               .setup = watch(world::unmapped),
               .reach = Reach::exception_first,
               .executed = {.fields = {{field::cr2, world::unmapped}}},
               .raises = Delivery{.vector = 14, .error_code = 0}});
    table.row({.subject = "monitor", .variant = "unmapped", .program = "monitor",
               .intercept = Intercept::monitor, .manual = manual, .needs = Feature::monitor,
               .modes = only_32bit,
               .setup = join(watch(spare_page), spare_page_absent()),
               .reach = Reach::exception_first,
               .executed = {.fields = {{field::cr2, spare_page}}},
               .raises = Delivery{.vector = 14, .error_code = 0}});
    table.row({.subject = "monitor", .variant = "non_canonical", .program = "monitor",
               .intercept = Intercept::monitor, .manual = manual, .needs = Feature::monitor,
               .modes = only_long64,
               .setup = watch(0x8000'0000'0000'0000),
               .reach = Reach::exception_first,
               .raises = general_protection});
    table.row({.subject = "monitor", .variant = "beyond_segment", .program = "monitor",
               .intercept = Intercept::monitor, .manual = manual, .needs = Feature::monitor,
               .modes = only_32bit,
               .setup = join(watch(0x1000), {vmcb_field(field::ds_limit, 0xfff)}),
               .reach = Reach::exception_first,
               .raises = general_protection});
    for (const AtCpl3 level : {AtCpl3::not_run, AtCpl3::only}) {
        const std::uint32_t user = level == AtCpl3::only ? 4 : 0;
        table.row({.subject = "monitor", .variant = "monitorx_unmapped", .program = "monitorx",
                   .intercept = Intercept::monitor, .manual = manual, .needs = Feature::monitorx,
                   .modes = flat_modes, .cpl3 = level,
                   .setup = join(watch(spare_page), spare_page_absent()),
                   .reach = Reach::exception_first,
                   .executed = {.fields = {{field::cr2, spare_page}}},
                   .raises = Delivery{.vector = 14, .error_code = user}});
    }
    table.row({.subject = "monitor", .variant = "monitorx", .program = "monitorx",
               .intercept = Intercept::monitor, .manual = manual, .needs = Feature::monitorx,
               .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = watch(l2_data)});
}

void mwait(InstructionTable& table) {
    table.row({.subject = "mwait", .program = "mwait", .intercept = Intercept::mwait,
               .manual = manual, .needs = Feature::monitor,
               .cpl3 = AtCpl3::gp_first, .cpl3_fault = invalid_opcode,
               .page_end = PageEnd::within,
               .setup = plain_wait(),
               .also_meets = {Intercept::mwait_cond}, .runs_without_intercept = false});
    // Armed or not (nobody says what a monitor armed by an earlier guest is worth), it goes on.
    table.row({.subject = "mwait", .variant = "interrupt_pending", .program = "sti_mwait",
               .intercept = Intercept::mwait, .manual = manual, .needs = Feature::monitor,
               .setup = interrupt_pending(plain_wait()),
               .taken_fields = in_shadow(),
               .executed = interrupt_taken(),
               .raises = woken(),
               .also_meets = {Intercept::mwait_cond}});
    std::vector<Step> with_extension = plain_wait();
    with_extension.emplace_back(l2_register(Register::rcx, 0x8000'0000));
    table.row({.subject = "mwait", .variant = "bad_extension", .program = "mwait",
               .intercept = Intercept::mwait, .manual = manual, .needs = Feature::monitor,
               .setup = with_extension,
               .reach = Reach::exception_first,
               .raises = general_protection});
    table.row({.subject = "mwait", .variant = "mwaitx", .program = "mwaitx",
               .intercept = Intercept::mwait, .manual = manual, .needs = Feature::monitorx,
               .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = plain_wait(),
               .also_meets = {Intercept::mwait_cond}, .runs_without_intercept = false});
    table.row({.subject = "mwait", .variant = "mwaitx_interrupt_pending", .program = "sti_mwaitx",
               .intercept = Intercept::mwait, .manual = manual, .needs = Feature::monitorx,
               .setup = interrupt_pending(plain_wait()),
               .taken_fields = in_shadow(),
               .executed = interrupt_taken(),
               .raises = woken(),
               .also_meets = {Intercept::mwait_cond}});
}

/// The program arms the monitor first.
void mwait_cond(InstructionTable& table) {
    const std::vector<Step> setup = interrupt_pending(watch(l2_data));
    const Effect armed{.fields = {{field::rax, 0, 0xffff'ffff},
                                  {field::rax, {}, ~0ull << 32, Match::free}}};
    table.row({.subject = "mwait_cond", .program = "monitor_mwait",
               .intercept = Intercept::mwait_cond, .manual = manual, .needs = Feature::monitor,
               .page_end = PageEnd::behind,
               .setup = setup,
               .prologue = armed,
               .taken_fields = in_shadow(),
               .executed = interrupt_taken(),
               .raises = woken(),
               .also_meets = {Intercept::monitor, Intercept::mwait}});
    std::vector<Step> with_extension = plain_wait();
    with_extension.emplace_back(l2_register(Register::rcx, 0x8000'0000));
    table.row({.subject = "mwait_cond", .variant = "bad_extension", .program = "mwait",
               .intercept = Intercept::mwait_cond, .manual = manual, .needs = Feature::monitor,
               .setup = with_extension,
               .reach = Reach::exception_first,
               .raises = general_protection});
    // The condition is examined first.
    std::vector<Step> both = setup;
    both.emplace_back(intercepting(Intercept::mwait));
    table.row({.subject = "mwait_cond", .variant = "with_mwait", .program = "monitor_mwait",
               .intercept = Intercept::mwait_cond, .manual = manual, .needs = Feature::monitor,
               .setup = both,
               .prologue = armed,
               .taken_fields = in_shadow(),
               .also_meets = {Intercept::monitor}, .runs_without_intercept = false});
    // MONITORX arms it for MWAITX, which CPL 3 may use. STI needs the IOPL there.
    for (const AtCpl3 level : {AtCpl3::not_run, AtCpl3::only}) {
        const std::uint64_t iopl = level == AtCpl3::only ? rflags::iopl : 0;
        table.row({.subject = "mwait_cond", .variant = "mwaitx", .program = "monitorx_mwaitx",
                   .intercept = Intercept::mwait_cond, .manual = manual, .needs = Feature::monitorx,
                   .cpl3 = level,
                   .setup = join(setup, {vmcb_set(field::rflags, iopl)}),
                   .prologue = armed,
                   .taken_fields = in_shadow(enabled | iopl),
                   .executed = interrupt_taken(),
                   .raises = woken(enabled | iopl),
                   .also_meets = {Intercept::monitor, Intercept::mwait}});
    }
    table.row({.subject = "mwait_cond", .variant = "privilege", .program = "mwait",
               .intercept = Intercept::mwait_cond, .manual = manual, .needs = Feature::monitor,
               .cpl3 = AtCpl3::only, .setup = plain_wait(),
               .reach = Reach::exception_first, .raises = invalid_opcode});
    // The monitor is not armed: MWAIT does not wait, which alone is what this intercept is about.
    // What MONITOR, of whomever, has armed before a far control transfer is disarmed by it (APM3
    // MWAIT), and these begin with one.
    struct Unarmed { std::string_view prefix, program; Feature needed; };
    for (const Unarmed& one : {Unarmed{"", "jump_mwait", Feature::monitor},
                               Unarmed{"mwaitx_", "jump_mwaitx", Feature::monitorx}}) {
        const std::string unarmed = std::string{one.prefix} + "unarmed";
        const std::string with_mwait = unarmed + "_with_mwait";
        const std::vector<Step> waits =
            interrupt_pending(join(plain_wait(), far_pointer_to(before_insn)));
        table.row({.subject = "mwait_cond", .variant = unarmed, .program = one.program,
                   .intercept = Intercept::mwait_cond, .manual = manual, .needs = one.needed,
                   .setup = waits,
                   .reach = Reach::not_covered,
                   .executed = interrupt_taken(),
                   .raises = woken()});
        table.row({.subject = "mwait_cond", .variant = with_mwait, .program = one.program,
                   .intercept = Intercept::mwait, .manual = manual, .needs = one.needed,
                   .setup = join(waits, {intercepting(Intercept::mwait_cond)}),
                   .taken_fields = in_shadow(),
                   .executed = interrupt_taken(),
                   .raises = woken()});
    }
}

// clang-format on

void waiting(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    hlt(table);
    monitor(table);
    mwait(table);
    mwait_cond(table);
}

const Registration registration{waiting};

} // namespace
} // namespace vmrunit::cases
