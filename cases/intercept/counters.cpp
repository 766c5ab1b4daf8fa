// SPDX-License-Identifier: GPL-2.0-only
// Instructions that read a counter: RDTSC, RDTSCP, RDPMC, RDPRU. Every exception they can raise
// comes before the intercept. APM2 15.9, table 15-7; APM3 for the instructions.

#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.9";
constexpr Delivery general_protection{.vector = 13, .error_code = 0};
constexpr std::uint32_t tsc_aux = 0x1234'5678;

/// A rAX that no counter holds: 32-bit instructions clear the upper half.
constexpr std::uint64_t rax_before = 0x9e37'79b9;

// clang-format off

/// EDX:EAX is not what it was.
Effect counter_read() {
    return {.fields    = {{field::rax, {}, 0xffff'ffff, Match::changed}},
            .registers = {{Register::rdx, {}, ~0ull, Match::changed}}};
}

Effect counter_and_aux_read() {
    Effect effect = counter_read();
    effect.registers.push_back({Register::rcx, tsc_aux});
    return effect;
}

Step fresh_rax() {
    return l2_register(Register::rax, rax_before);
}

void time_stamps(InstructionTable& table) {
    table.row({.subject = "rdtsc", .program = "rdtsc", .intercept = Intercept::rdtsc,
               .manual = manual, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = {fresh_rax()},
               .executed = counter_read()});
    table.row({.subject = "rdtsc", .variant = "tsd", .program = "rdtsc",
               .intercept = Intercept::rdtsc, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .setup = {fresh_rax(), vmcb_set(field::cr4, svm::cr4::tsd)},
               .executed = counter_read()});
    // RDTSCP has a bit of its own: RDTSC's is among "all others".
    const L1Write aux{wire::L1Register::msr, svm::msr::tsc_aux, tsc_aux};
    table.row({.subject = "rdtscp", .program = "rdtscp", .intercept = Intercept::rdtscp,
               .manual = manual, .needs = Feature::rdtscp, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = {fresh_rax(), aux},
               .executed = counter_and_aux_read()});
    table.row({.subject = "rdtscp", .variant = "tsd", .program = "rdtscp",
               .intercept = Intercept::rdtscp, .manual = manual, .needs = Feature::rdtscp,
               .cpl3 = AtCpl3::gp_first,
               .setup = {fresh_rax(), aux, vmcb_set(field::cr4, svm::cr4::tsd)},
               .executed = counter_and_aux_read()});
}

void other_counters(InstructionTable& table) {
    // Counter 0 exists on every CPU with SVM. At CPL 3 CR4.PCE decides.
    table.row({.subject = "rdpmc", .program = "rdpmc", .intercept = Intercept::rdpmc,
               .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {fresh_rax(), l2_register(Register::rcx, 0)},
               .executed = counter_read()});
    table.row({.subject = "rdpmc", .variant = "pce", .program = "rdpmc",
               .intercept = Intercept::rdpmc, .manual = manual, .cpl3 = AtCpl3::same,
               .setup = {fresh_rax(), l2_register(Register::rcx, 0),
                         vmcb_set(field::cr4, svm::cr4::pce)},
               .executed = counter_read()});
    table.row({.subject = "rdpmc", .variant = "bad_index", .program = "rdpmc",
               .intercept = Intercept::rdpmc, .manual = manual,
               .setup = {fresh_rax(), l2_register(Register::rcx, 0x7fff'ffff)},
               .reach = Reach::exception_first,
               .raises = general_protection});
    // rCX = 0: MPERF.
    table.row({.subject = "rdpru", .program = "rdpru", .intercept = Intercept::rdpru,
               .manual = manual, .needs = Feature::rdpru, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = {fresh_rax(), l2_register(Register::rcx, 0)},
               .executed = counter_read()});
    table.row({.subject = "rdpru", .variant = "tsd", .program = "rdpru",
               .intercept = Intercept::rdpru, .manual = manual, .needs = Feature::rdpru,
               .cpl3 = AtCpl3::gp_first,
               .setup = {fresh_rax(), l2_register(Register::rcx, 0),
                         vmcb_set(field::cr4, svm::cr4::tsd)},
               .executed = counter_read()});
}

// clang-format on

void counters(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    time_stamps(table);
    other_counters(table);
}

const Registration registration{counters};

} // namespace
} // namespace vmrunit::cases
