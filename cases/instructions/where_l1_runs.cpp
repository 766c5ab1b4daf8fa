// SPDX-License-Identifier: GPL-2.0-only
// SVM's instructions by where and how L1 executes them: with the address-size prefix, above CPL 0,
// outside protected mode, at the end of the addresses that there are, and behind a #VMEXIT, where
// no intercept applies any more. APM2 15.4, 15.5.1, 15.6; APM3 for each instruction.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

using svm::ExitCode;
using svm::Intercept;

// As routines report a fault: vector + 1.
constexpr std::uint64_t no_fault = 0;
constexpr std::uint64_t breakpoint = 3 + 1;
constexpr std::uint64_t invalid_opcode = 6 + 1;
constexpr std::uint64_t general_protection = 13 + 1;

constexpr std::uint64_t vmmcall_exit = static_cast<std::uint64_t>(ExitCode::vmmcall);

/// In 64-bit code the prefix cuts rAX to EAX, in 32-bit code to AX. What stands above is an address
/// that is none in 64-bit mode; in 32-bit mode nothing is known of it, so nobody tries it whole.
void address_size(Catalogue& catalogue) {
    struct Form {
        std::string suffix;
        std::uint32_t argument; ///< As the routines take it.
        bool faults;
        L1Modes l1_modes;
    };
    constexpr L1Modes only_32bit_l1{false, true, true};
    for (const Form& form :
         {Form{"/prefix", 1, false, all_l1_modes}, Form{"/no_prefix", 0, true, only_l1_long64},
          Form{"/nothing_above", 2, false, only_32bit_l1}}) {
        const std::uint64_t fault = form.faults ? general_protection : no_fault;
        CallExpectation runs;
        runs.values = {reported("fault: vector + 1", fault),
                       reported("exit code", form.faults ? 0 : vmmcall_exit)};
        runs.values.back().mask = form.faults ? 0 : ~std::uint64_t{0};
        add_l1_case(catalogue, {.name = "instructions/address_size/vmrun" + form.suffix,
                                .title = "With the prefix VMRUN takes its address from EAX, or AX.",
                                .manual = "APM2 15.5.1",
                                .l1_modes = form.l1_modes,
                                .steps = {vmcb_field(svm::field::rip, at_start),
                                          Call{"vmrun_address_size", form.argument}},
                                .expectations = {runs}});
        CallExpectation moves;
        moves.values = {reported("fault of VMLOAD: vector + 1", fault),
                        reported("KernelGSBase changed by it", form.faults ? 0 : 0x1000),
                        reported("fault of VMSAVE: vector + 1", fault),
                        reported("KernelGSBase stored", form.faults ? 0 : 0x2000)};
        add_l1_case(catalogue, {.name = "instructions/address_size/vmload_vmsave" + form.suffix,
                                .title = "With the prefix they take their address from EAX, or AX.",
                                .manual = "APM2 15.5.2",
                                .l1_modes = form.l1_modes,
                                .steps = {Call{"vmload_address_size", form.argument}},
                                .expectations = {moves}});
    }
    CallExpectation drops;
    drops.values = {reported("the other page before", 0), reported("read behind it", 0x2222'2222),
                    reported("fault: vector + 1", no_fault)};
    add_l1_case(catalogue, {.name = "instructions/address_size/invlpga/prefix",
                            .title = "With the prefix INVLPGA takes its address from EAX, or AX.",
                            .manual = "APM2 15.16",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"invlpga_address_size"}},
                            .expectations = {drops}});
}

/// An invalid opcode is one at any CPL; with EFER.SVME set it is the CPL that faults. STGI and
/// SKINIT are there without EFER.SVME on a CPU with SKINIT. VMMCALL asks for no CPL, and a
/// hypervisor may take that of L1 for a hypercall.
void above_cpl_0(Catalogue& catalogue) {
    constexpr std::uint32_t svme_set = 0x100;
    constexpr unsigned cpl_at = 12;
    const auto row = [&](const std::string& name, std::string_view title, std::uint32_t argument,
                         std::uint64_t fault, svm::Features needs, svm::Features without) {
        CallExpectation expected;
        expected.values = {reported("fault: vector + 1", fault),
                           reported("its RIP, from the instruction", 0)};
        add_l1_case(catalogue, {.name = "instructions/above_cpl_0/" + name,
                                .title = title,
                                .manual = "APM2 15.4",
                                .needs = needs,
                                .without = without,
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"above_cpl_0", argument}},
                                .expectations = {expected}});
    };
    struct Instruction {
        std::string name;
        std::uint32_t opcode; ///< Behind 0F 01.
        bool by_skinit = false;
    };
    for (const Instruction& instruction :
         {Instruction{"vmrun", 0xd8}, Instruction{"vmload", 0xda}, Instruction{"vmsave", 0xdb},
          Instruction{"clgi", 0xdd}, Instruction{"invlpga", 0xdf}, Instruction{"stgi", 0xdc, true},
          Instruction{"skinit", 0xde, true}}) {
        for (const std::uint32_t cpl : {3u, 1u, 2u}) {
            const std::string suffix = cpl == 3 ? "" : "_cpl" + std::to_string(cpl);
            const std::uint32_t argument = instruction.opcode | cpl << cpl_at;
            svm::Features either;
            if (instruction.by_skinit) {
                either = {svm::Feature::skinit, svm::Feature::svm_lock};
            }
            row(instruction.name + "/svme_set" + suffix, "Above CPL 0 it is #GP.",
                argument | svme_set, general_protection, {}, {});
            row(instruction.name + "/svme_clear" + suffix, "Without EFER.SVME it is #UD first.",
                argument, invalid_opcode, {}, either);
            if (instruction.by_skinit) {
                row(instruction.name + "/svme_clear_with_skinit" + suffix,
                    "A CPU with SKINIT has it without EFER.SVME, at CPL 0.", argument,
                    general_protection, svm::Feature::skinit, {});
            }
        }
    }
}

void below_hole(Catalogue& catalogue) {
    const auto row = [&](const std::string& name, std::string_view title, std::uint32_t distance,
                         std::uint64_t fault, std::uint64_t rip) {
        CallExpectation expected;
        expected.values = {reported("fault of L1: vector + 1", fault),
                           reported("its RIP, from the first address that is not canonical", rip),
                           reported("exit code", vmmcall_exit)};
        add_l1_case(catalogue, {.name = "instructions/vmrun/below_hole/" + name,
                                .title = title,
                                .manual = "APM2 15.6",
                                .steps = {Call{"vmrun_below_hole", distance}},
                                .expectations = {expected}});
    };
    constexpr std::uint32_t distance = 16;
    row("at_the_end", "RIP of L1 is not canonical behind the #VMEXIT: #GP.", 0, general_protection,
        0);
    row("before_the_end", "Some bytes before the end L1 goes on.", distance, breakpoint,
        1 - std::uint64_t{distance});
}

/// A 64-bit L1 leaves long mode for this VMRUN and comes back, a 32-bit one only its paging.
void without_paging(Catalogue& catalogue) {
    const auto row = [&](const std::string& name, std::string_view title, L2Mode mode,
                         bool nested_paging, std::uint64_t exit_code,
                         std::vector<std::string> covers) {
        CallExpectation expected;
        expected.values = {reported("fault: vector + 1", no_fault),
                           reported("exit code", exit_code), reported("CR0 of L1 differs by", 0),
                           reported("CR3 of L1 differs by", 0),
                           reported("CR4 of L1 differs by", 0)};
        add_l1_case(catalogue,
                    {.name = "instructions/vmrun/without_paging/" + name,
                     .title = title,
                     .manual = "APM2 15.5.1",
                     .program = mode == L2Mode::prot32 ? "nothing" : "pause",
                     .mode = mode,
                     .nested_paging = nested_paging,
                     .l1_modes = all_l1_modes,
                     .steps = {vmcb_field(svm::field::rip, at_start), Call{"vmrun_without_paging"}},
                     .expectations = {expected},
                     .ends_machine = true,
                     .covers = std::move(covers)});
    };
    constexpr std::uint64_t refused = 0xffff'ffff; ///< Other cases judge the upper half.
    row("entered", "L1 without paging may execute VMRUN.", L2Mode::prot32, false, vmmcall_exit,
        {"rule/instruction/no_paging"});
    row("nested_paging", "But not with nested paging.", L2Mode::prot32, true, refused,
        {"check/np_without_host_paging/refused"});
    for (const L2Mode mode : {L2Mode::long64, L2Mode::compat, L2Mode::pae, L2Mode::paged_real,
                              L2Mode::real, L2Mode::prot16}) {
        row("entered/" + std::string{l2_mode_names[static_cast<unsigned>(mode)]},
            "Its L2 may page, in any mode.", mode, false, vmmcall_exit,
            {"rule/instruction/no_paging"});
    }
}

/// None of them is there outside protected mode, whatever CPL and EFER.SVME say. SMSW, which is,
/// has nearly the same opcode. VMMCALL a hypervisor may take for a hypercall. APM2 15.4.
void outside_protected_mode(Catalogue& catalogue) {
    struct Instruction {
        std::string_view name;
        std::uint32_t opcode; ///< Behind 0F 01.
        bool exists = false;
    };
    struct Place {
        std::string mode;
        std::string_view routine;
        std::string_view title;
        L1Modes l1_modes;
    };
    constexpr L1Modes only_32bit_l1{false, true, true};
    for (const Place& place :
         {Place{"real", "in_real_mode", "Real mode of L1 has none of them.", all_l1_modes},
          Place{"virtual_8086", "in_virtual_8086_mode", "Virtual-8086 mode of L1 has none of them.",
                only_32bit_l1}}) {
        for (const Instruction& instruction :
             {Instruction{"vmrun", 0xd8}, Instruction{"vmload", 0xda}, Instruction{"vmsave", 0xdb},
              Instruction{"stgi", 0xdc}, Instruction{"clgi", 0xdd}, Instruction{"skinit", 0xde},
              Instruction{"invlpga", 0xdf}, Instruction{"smsw", 0xe0, true}}) {
            CallExpectation expected;
            expected.values = {
                reported("fault: vector + 1", instruction.exists ? breakpoint : invalid_opcode),
                // A trap says what comes behind the INT3.
                reported("its IP, from the instruction", instruction.exists ? 4 : 0)};
            std::vector<std::string> covers;
            if (!instruction.exists) {
                covers.emplace_back("rule/instruction/real_mode_of_l1");
            }
            add_l1_case(catalogue, {.name = "instructions/in_" + place.mode + "_mode/" +
                                            std::string{instruction.name},
                                    .title = instruction.exists ? "SMSW is there." : place.title,
                                    .manual = "APM2 15.4",
                                    .l1_modes = place.l1_modes,
                                    .steps = {Call{std::string{place.routine}, instruction.opcode}},
                                    .expectations = {expected},
                                    .ends_machine = true,
                                    .covers = std::move(covers)});
        }
    }
}

void intercepts_in_l1(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("exit code", static_cast<std::uint64_t>(ExitCode::cpuid)),
                       reported("times that L1 came out of VMRUN", 1),
                       reported("bytes of the control area that changed then", 0),
                       reported("interrupts of INT that arrived", 1)};
    std::vector<Step> steps = all_other_intercepts(Intercept::cpuid);
    steps.emplace_back(intercepting(Intercept::cpuid));
    steps.emplace_back(vmcb_field(svm::field::rip, at_start));
    steps.emplace_back(Call{"intercepts_in_l1"});
    add_l1_case(catalogue, {.name = "instructions/vmrun/intercepts_in_l1",
                            .title = "L1 executes what the VMCB intercepts, and nothing exits.",
                            .manual = "APM2 15.6",
                            .program = "cpuid",
                            .l1_modes = all_l1_modes,
                            .steps = std::move(steps),
                            .expectations = {expected}});
}

/// The page of the APIC is L2's as any other; what V_INTR_MASKING gives it is CR8.
void task_priority(Catalogue& catalogue) {
    constexpr std::uint64_t in_apic_page = 0xfee0'0080;
    constexpr std::uint64_t own = 3; ///< V_TPR.
    constexpr std::uint64_t of_l1 = 0x50;
    constexpr std::uint64_t written = 0x20;
    const auto row = [&](const std::string& name, std::string_view title, Value at,
                         std::uint64_t in_register) {
        CallExpectation expected;
        expected.values = {reported("exit code", vmmcall_exit), reported("V_TPR", own),
                           reported("task priority of the APIC", in_register)};
        const auto masking = svm::VirtualInterrupt{}
                                 .with(svm::VirtualInterrupt::v_intr_masking)
                                 .with(svm::VirtualInterrupt::v_tpr, own);
        for (const bool nested_paging : {true, false}) {
            add_l1_case(
                catalogue,
                {.name = "instructions/task_priority/in_memory/" + name,
                 .title = title,
                 .manual = "APM2 15.21.2",
                 .needs = svm::Feature::apic,
                 .program = "write_20h",
                 .nested_paging = nested_paging,
                 .l1_modes = all_l1_modes,
                 .steps = {vmcb_field(svm::field::rip, at_start),
                           vmcb_field(svm::field::virtual_interrupt, masking.value),
                           vmcb_field(svm::field::rax, at), Call{"vmrun_writes_apic_tpr", of_l1}},
                 .expectations = {expected},
                 .named_by_paging = true});
        }
    };
    row("written", "L2 writes the APIC's own, and V_TPR stays.", in_apic_page, written);
    row("not_written", "V_TPR is not what the APIC has.", l2_data, of_l1);
}

void where_l1_runs(Catalogue& catalogue) {
    address_size(catalogue);
    above_cpl_0(catalogue);
    below_hole(catalogue);
    without_paging(catalogue);
    outside_protected_mode(catalogue);
    intercepts_in_l1(catalogue);
    task_priority(catalogue);
}

const Registration registration{where_l1_runs};

} // namespace
} // namespace vmrunit::cases
