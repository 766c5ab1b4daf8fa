// SPDX-License-Identifier: GPL-2.0-only
// __svm_vmrun as documented: it takes the physical address of the VMCB, exchanges a minimum of
// state and keeps every general register of the caller. docs/intrinsics.md; APM2 15.5.1.

#include "cases/intrinsics/vmload_state.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/vmcb_fields.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

constexpr FaultExpectation general_protection{.vector = 13, .error_code = 0};
constexpr std::uint64_t vmmcall_exit = static_cast<std::uint64_t>(svm::ExitCode::vmmcall);

CallExpectation faults() {
    CallExpectation expected;
    expected.fault = general_protection;
    return expected;
}

void physical_address(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("fault", 0), reported("exit code", vmmcall_exit)};
    add_l1_case(catalogue, {.name = "intrinsics/vmrun/physical_address",
                            .title = "The address is physical: its linear twin is not mapped.",
                            .manual = "APM2 15.5.1",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"vmrun_hidden_vmcb"}},
                            .expectations = {expected}});
}

/// The VMCB has values of its own for all that VMRUN leaves alone, and L2 does not see one of them.
void minimum_state(Catalogue& catalogue) {
    CallExpectation expected;
    std::vector<std::string> covers;
    for (const VmloadPart& part : vmload_parts) {
        covers.push_back("field/" + std::string{svm::field_info(part.place).name} + "/not_loaded");
    }
    for (const std::string when : {"in L2: ", "after the #VMEXIT: "}) {
        for (const VmloadPart& part : vmload_parts) {
            expected.values.push_back(reported(when + std::string{part.what} + " differs by", 0));
        }
    }
    std::vector<Step> steps = set_vmload_state();
    steps.emplace_back(l2_register(Register::rax, l2_data));
    steps.emplace_back(Call{"vmrun_minimum_state"});
    add_l1_case(catalogue, {.name = "intrinsics/vmrun/minimum_state",
                            .title = "What VMLOAD moves is neither loaded nor restored.",
                            .manual = "APM2 15.5.1",
                            .program = "store_vmload_state",
                            .l1_modes = all_l1_modes,
                            .steps = steps,
                            .expectations = {expected},
                            .covers = std::move(covers)});
}

/// The same of the parts that only VMSAVE shows: whatever stands in the VMCB, L1 has its own
/// afterwards, and the VMCB what stood there.
void hidden_parts(Catalogue& catalogue) {
    struct Place {
        std::string_view name;
        svm::FieldRef selector;
    };
    constexpr Place places[] = {{"fs", svm::field::fs_selector},
                                {"gs", svm::field::gs_selector},
                                {"ldtr", svm::field::ldtr_selector},
                                {"tr", svm::field::tr_selector}};
    constexpr std::uint32_t segment_size = 16;
    struct Filling {
        std::string name;
        std::uint8_t byte;
    };
    for (const Filling& filling :
         {Filling{"ones", 0xff}, Filling{"a5", 0xa5}, Filling{"5a", 0x5a}}) {
        CallExpectation expected;
        std::vector<Step> steps;
        std::vector<std::string> covers;
        for (const Place& place : places) {
            const std::string name{place.name};
            expected.values.push_back(
                reported(name + " selector, attributes and limit differ by", 0));
            expected.values.push_back(reported(name + " base differs by", 0));
            expected.values.push_back(reported("bytes of " + name + " changed in the VMCB", 0));
            steps.emplace_back(Write{wire::Op::Code::fill, Region::vmcb, place.selector.offset,
                                     filling.byte, segment_size});
            cover_segment(covers, place.name, "not_loaded");
        }
        cover_segment(covers, "tr", "left_alone");
        covers.emplace_back("field/save.tr.attributes.unused/left_alone");
        steps.emplace_back(vmcb_field(svm::field::rip, at_start));
        steps.emplace_back(Call{"vmrun_hidden_parts"});
        add_l1_case(catalogue,
                    {.name = "intrinsics/vmrun/hidden_parts/" + filling.name,
                     .title = "FS, GS, LDTR and TR are neither loaded nor stored, hidden or not.",
                     .manual = "APM2 15.5.1",
                     .steps = std::move(steps),
                     .expectations = {expected},
                     .covers = std::move(covers)});
    }
}

/// A 32-bit caller has the first six of them.
void keeps_registers(Catalogue& catalogue) {
    static constexpr std::array names{"rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
                                      "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        CallExpectation expected;
        const unsigned count = l1_bits(l1) == 64 ? names.size() : 6;
        for (unsigned i = 0; i < count; ++i) {
            expected.values.push_back(reported(names[i], i + 1));
        }
        add_l1_case(catalogue,
                    {.name = "intrinsics/vmrun/keeps_registers",
                     .title = "L2 changes every general register, the caller notices none.",
                     .manual = "APM2 15.5.1",
                     .program = "trash_registers",
                     .l1_modes = only(l1),
                     .steps = {Call{"vmrun_keeps_registers"}},
                     .expectations = {expected}});
    });
}

void disarms_breakpoints(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {reported("enable bits of DR7", 0), reported("vector + 1 of a fault", 0)};
    struct Row {
        std::string name;
        std::uint32_t dr7;
    };
    for (const Row& row : {Row{"local", 0x401}, Row{"global", 0x402}, Row{"both", 0x403}}) {
        for (const bool written : {false, true}) {
            add_l1_case(catalogue, {.name = "intrinsics/vmrun/breakpoint_of_l2/" + row.name +
                                            (written ? "_written" : "_loaded"),
                                    .title = "A breakpoint that L2 had enabled does not hit in L1.",
                                    .manual = "APM2 15.6",
                                    .program = written ? "writes_dr7" : "nothing",
                                    .l1_modes = all_l1_modes,
                                    .steps = {vmcb_field(svm::field::rip, at_start),
                                              Call{"l2_breakpoint_in_l1", row.dr7}},
                                    .expectations = {expected}});
        }
    }
}

void faulting(Catalogue& catalogue) {
    struct Instruction {
        std::string name;
        std::string_view manual;
    };
    struct Address {
        std::string name;
        std::string_view title;
        std::uint32_t argument;
    };
    for (const Instruction& instruction :
         {Instruction{"vmrun", "APM2 15.5.1"}, Instruction{"vmload", "APM3 VMLOAD"},
          Instruction{"vmsave", "APM3 VMSAVE"}}) {
        std::vector<Address> addresses{
            {"misaligned", "The address is a multiple of 4096.", 4},
            {"misaligned_half", "The address is a multiple of 4096.", 11},
            {"beyond_memory", "No physical address has bit 52.", 52},
            {"highest_bit", "No physical address has bit 63.", 63},
            {"first_beyond_memory", "CPUID tells how wide an address is.", 255}};
        for (const std::uint32_t bit : {0u, 1u, 2u, 3u, 5u, 6u, 7u, 8u, 9u, 10u}) {
            addresses.push_back({"misaligned_bit_" + std::to_string(bit),
                                 "The address is a multiple of 4096.", bit});
        }
        for (const Address& address : addresses) {
            const std::string name = "intrinsics/" + instruction.name + "/" + address.name;
            const bool fits_eax = address.argument < 12;
            add_l1_case(catalogue,
                        {.name = name,
                         .title = address.title,
                         .manual = instruction.manual,
                         .l1_modes = fits_eax ? all_l1_modes : only_l1_long64,
                         .steps = {Call{instruction.name + "_bad_address", address.argument}},
                         .expectations = {faults()}});
        }
    }
}

void vmrun(Catalogue& catalogue) {
    physical_address(catalogue);
    minimum_state(catalogue);
    hidden_parts(catalogue);
    keeps_registers(catalogue);
    disarms_breakpoints(catalogue);
    faulting(catalogue);
}

const Registration registration{vmrun};

} // namespace
} // namespace vmrunit::cases
