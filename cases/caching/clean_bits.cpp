// SPDX-License-Identifier: GPL-2.0-only
// What a CPU may keep of a VMCB and of translations, seen from outside: a clean bit that is set
// after no change is harmless, a VMCB at another address is a new one; and TLB_CONTROL and the
// ASID, which no L2 notices. That a clear bit makes the CPU read again: changed_groups.cpp.
// APM2 15.15, 15.16.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/model/pause_filter.hpp"
#include "cases/model/second_run.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::CleanBits;
using svm::Feature;
using svm::Intercept;
using svm::VirtualInterrupt;

struct CleanBit {
    std::string_view name;
    CleanBits::Range bit;
};
constexpr CleanBit clean_bits[] = {
    {"intercepts", CleanBits::intercepts},
    {"iopm", CleanBits::iopm},
    {"asid", CleanBits::asid},
    {"tpr", CleanBits::tpr},
    {"np", CleanBits::np},
    {"crx", CleanBits::crx},
    {"drx", CleanBits::drx},
    {"dt", CleanBits::dt},
    {"seg", CleanBits::seg},
    {"cr2", CleanBits::cr2},
    {"lbr", CleanBits::lbr},
    {"avic", CleanBits::avic},
    {"cet", CleanBits::cet},
};

/// The same VMCB twice, unchanged but for the clean bits.
void set_after_no_change(Catalogue& catalogue, const L2Start& start) {
    const auto twice = [&](std::string_view name, std::uint32_t bits) {
        add_guest_case(catalogue,
                       {.name = "caching/clean_set/" + std::string{name},
                        .title = "A clean bit that is set after no change is harmless.",
                        .manual = "APM2 15.15",
                        .then = second_run(start.mode, bits),
                        .then_expected = {program_ends()}},
                       start);
    };
    for (const CleanBit& one : clean_bits) {
        twice(one.name, static_cast<std::uint32_t>(one.bit.mask()));
    }
    twice("all", all_clean);
}

/// Where a value of the group that is not the usual one decides what L2 sees, both times.
void used_after_no_change(Catalogue& catalogue, const L2Start& start) {
    struct Row {
        std::string_view name;
        CleanBits::Range bit;
        std::string_view program;
        std::vector<Step> setup;
        ExitExpectation exit;
        svm::Features needs{};
    };
    const auto twice = [&](const Row& row) {
        add_guest_case(catalogue,
                       {.name = "caching/clean_set/" + std::string{row.name},
                        .title = "A clean bit that is set after no change is harmless.",
                        .manual = "APM2 15.15",
                        .needs = row.needs,
                        .program = row.program,
                        .steps = row.setup,
                        .exit = row.exit,
                        .then = second_run(start.mode, static_cast<std::uint32_t>(row.bit.mask())),
                        .then_expected = {row.exit}},
                       start);
    };
    const auto controlled = [](VirtualInterrupt value) {
        return vmcb_field(field::virtual_interrupt, value.value);
    };
    if (start.mode == L2Mode::long64) { // Elsewhere there is no CR8.
        ExitExpectation reads = program_ends();
        reads.registers = {{Register::rbx, 6}};
        twice({.name = "tpr_intr_masking",
               .bit = CleanBits::tpr,
               .program = "read_cr8",
               .setup = {controlled(VirtualInterrupt{}
                                        .with(VirtualInterrupt::v_tpr, 6)
                                        .with(VirtualInterrupt::v_intr_masking))},
               .exit = reads});
    }
    // What holds an event off both times.
    twice({.name = "tpr_gif",
           .bit = CleanBits::tpr,
           .program = "nothing",
           .setup = {controlled(offered_interrupt(0x40).with(VirtualInterrupt::v_gif_enable)),
                     vmcb_set(field::rflags, svm::rflags::if_)},
           .exit = program_ends(),
           .needs = Feature::vgif});
    twice({.name = "tpr_nmi",
           .bit = CleanBits::tpr,
           .program = "nothing",
           .setup = {controlled(VirtualInterrupt{}
                                    .with(VirtualInterrupt::v_nmi_enable)
                                    .with(VirtualInterrupt::v_nmi)
                                    .with(VirtualInterrupt::v_nmi_mask)),
                     intercepting(Intercept::nmi)},
           .exit = program_ends(),
           .needs = Feature::vnmi});
    // The same PAUSEs exit both times: VMRUN begins to count anew.
    ExitExpectation pauses;
    pauses.exit_code = svm::ExitCode::pause;
    pauses.fields = one_of_last_two_pauses();
    const std::vector<Step> counted{intercepting(Intercept::pause),
                                    vmcb_field(field::pause_filter_count, 3)};
    twice({.name = "intercepts_pause_filter_count",
           .bit = CleanBits::intercepts,
           .program = "fourth_pause",
           .setup = counted,
           .exit = pauses,
           .needs = Feature::pause_filter});
    std::vector<Step> within_threshold = counted;
    within_threshold.emplace_back(vmcb_field(field::pause_filter_threshold, 0xffff));
    twice({.name = "intercepts_pause_filter_threshold",
           .bit = CleanBits::intercepts,
           .program = "fifth_pause",
           .setup = within_threshold,
           .exit = pauses,
           .needs = Feature::pause_filter_threshold});
}

void moved_vmcb(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {
        reported("lower half of the exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
        reported("CR2", 0x1234'5678), reported("DR6", 0xffff'0ff5), reported("V_TPR", 7)};
    for (const bool nested : {true, false}) {
        add_l1_case(catalogue,
                    {.name = "caching/moved_vmcb/clean_bits_set",
                     .title = "At another address no clean bit holds.",
                     .manual = "APM2 15.15",
                     .nested_paging = nested,
                     .l1_modes = all_l1_modes,
                     .steps = {vmcb_field(field::rip, at_start), Call{"vmrun_moved_vmcb"}},
                     .expectations = {expected},
                     .named_by_paging = true});
    }
}

void translations(Catalogue& catalogue, const L2Start& start) {
    for (const auto& [value, needs] :
         {std::pair{0u, svm::Features{}}, std::pair{1u, svm::Features{}},
          std::pair{3u, svm::Features{Feature::flush_by_asid}},
          std::pair{7u, svm::Features{Feature::flush_by_asid}}}) {
        add_guest_case(catalogue,
                       {.name = "caching/tlb_control/" + std::to_string(value),
                        .title = "L2 does not notice, and the field keeps its value.",
                        .manual = "APM2 15.16",
                        .needs = needs,
                        .then = {vmcb_field(field::tlb_control, value), Run{}},
                        .then_expected = {program_ends()}},
                       start);
    }
    for (const std::uint32_t asid : {2u, 3u, 7u}) {
        add_guest_case(
            catalogue,
            {.name = "caching/asid/" + std::to_string(asid),
             .title = "Another ASID in between.",
             .manual = "APM2 15.16",
             .then = {vmcb_field(field::tlb_control, 0), vmcb_field(field::guest_asid, asid), Run{},
                      vmcb_field(field::guest_asid, 1), Run{}},
             .then_expected = {program_ends(), program_ends()}},
            start);
    }
}

void caching(Catalogue& catalogue) {
    for (const bool nested_paging : {true, false}) {
        const L2Start start{L2Mode::long64, 0, nested_paging};
        translations(catalogue, start);
        for (const L2Mode mode : privileged_modes) {
            set_after_no_change(catalogue, {mode, 0, nested_paging});
            used_after_no_change(catalogue, {mode, 0, nested_paging});
        }
    }
    moved_vmcb(catalogue);
}

const Registration registration{caching};

} // namespace
} // namespace vmrunit::cases
