// SPDX-License-Identifier: GPL-2.0-only
// A second CPU writes to the VMCB while VMRUN reads it. Which value a VMRUN finds is chance; that
// it is refused or runs with the one that is legal is not. A subject that reads a field once to
// check it and once more to use it runs with what it would have refused. APM2 15.5.1.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;

constexpr auto of_vmrun = static_cast<std::uint32_t>(svm::Intercept::vmrun);

struct Row {
    std::string_view name;
    std::string_view title;
    std::string_view program; ///< Shows what it runs with, in L2's data or by its exit.
    std::uint32_t offset;     ///< Of the 32-bit word of the VMCB...
    std::uint32_t bit;        ///< ...and the bit that makes it illegal.
    ExitCode exit = ExitCode::vmmcall;
    std::vector<Step> steps{};
    bool legal_either_way = false; ///< The twin: what L2 shows is seen to differ.
    bool only_nested = false;
    bool only_long64_l1 = false;
};

// clang-format off
const Row rows[] = {
    // A run with ASID 0 shows only by what it does to L1.
    {"asid",         "ASID 1, or 0.",                       "nothing",    field::guest_asid.offset,         0},
    {"vmrun",        "The intercept of VMRUN, or none.",    "vmrun",      of_vmrun / 32 * 4,                of_vmrun % 32, ExitCode::vmrun},
    {"efer_svme",    "EFER.SVME, or not.",                  "store_efer", field::efer.offset,               12},
    {"cr0_nw",       "CR0.NW without CD, or not.",          "store_cr0",  field::cr0.offset,                29},
    {"cr0_bit_32",   "A reserved bit of CR0, or none.",     "store_cr0",  field::cr0.offset + 4,            0},
    {"cr4_bit_31",   "A reserved bit of CR4, or none.",     "store_cr4",  field::cr4.offset,                31},
    // The handler says which exception came: 16, or 48, which is none.
    {"event_vector", "An exception that exists, or not.",   "nothing",    field::event_injection.offset,    5, ExitCode::vmmcall,
     {vmcb_field(field::event_injection, svm::EventInformation::event(svm::EventType::exception, 16).value)}},
    {"cr0_mp",       "Legal either way: L2 sees both.",     "store_cr0",  field::cr0.offset,                1, ExitCode::vmmcall, {}, true},
    {"cr4_pae",      "CR4.PAE in long mode, or not.",       "store_cr4",  field::cr4.offset,                5},
    {"cr4_tsd",      "Legal either way: L2 sees both.",     "store_cr4",  field::cr4.offset,                2, ExitCode::vmmcall, {}, true},
    {"cr3_bit_63",   "An address that there is, or not.",   "store_cr3",  field::cr3.offset + 4,            31},
    {"cr3_pcd",      "Legal either way: L2 sees both.",     "store_cr3",  field::cr3.offset,                4, ExitCode::vmmcall, {}, true},
    {"dr6_bit_32",   "A reserved bit of DR6, or none.",     "store_dr6",  field::dr6.offset + 4,            0},
    {"dr6_b0",       "Legal either way: L2 sees both.",     "store_dr6",  field::dr6.offset,                0, ExitCode::vmmcall, {}, true},
    {"dr7_bit_32",   "A reserved bit of DR7, or none.",     "store_dr7",  field::dr7.offset + 4,            0},
    {"dr7_le",       "Legal either way: L2 sees both.",     "store_dr7",  field::dr7.offset,                8, ExitCode::vmmcall, {}, true},
    // The upper half of the word is that of the attributes, D their bit 10.
    {"cs_d",         "64-bit code, or with CS.D as well.",  "store_cr0",  field::cs_selector.offset,        16 + 10},
    {"iopm_bit_52",  "An address that there is, or not.",   "nothing",    field::iopm_base_pa.offset + 4,   20},
    {"msrpm_bit_52", "An address that there is, or not.",   "nothing",    field::msrpm_base_pa.offset + 4,  20},
    // Of a 32-bit L1 nobody says which bits of N_CR3 must be zero.
    {"n_cr3_bit_63", "An address that there is, or not.",   "nothing",    field::n_cr3.offset + 4,          31, ExitCode::vmmcall, {}, false, true, true},
    {"g_pat",        "A memory type that exists, or not.",  "nothing",    field::g_pat.offset,              3, ExitCode::vmmcall, {}, false, true},
};
// clang-format on

void rewritten_vmcb(Catalogue& catalogue) {
    for (const Row& row : rows) {
        for (const bool nested_paging : {true, false}) {
            if (row.only_nested && !nested_paging) {
                continue;
            }
            const auto exit_code = static_cast<std::uint64_t>(row.exit);
            CallExpectation expected;
            expected.values = {
                reported("exit code as it comes", exit_code),
                reported("exit code with the bit flipped",
                         row.legal_either_way ? exit_code : 0xffff'ffff),
                reported("the second CPU started", 1),
                reported("it wrote between the VMRUNs", 1),
                reported("some ran with the value as it comes", 1),
                reported("some were refused", row.legal_either_way ? 0 : 1),
                reported("some did neither", row.legal_either_way ? 1 : 0),
                reported("exit code of the last of those", row.legal_either_way ? exit_code : 0),
                reported("changed the state of L1", 0),
                {0, ~std::uint64_t{0}, Match::free, "saved RIP of the last that did neither"},
                {0, ~std::uint64_t{0}, Match::free, "what its L2 stored"},
            };
            std::vector<Step> steps{vmcb_field(field::rip, at_start),
                                    vmcb_field(field::rax, row.program == "vmrun"
                                                               ? in_region(Region::spare_vmcb)
                                                               : l2_data)};
            steps.insert(steps.end(), row.steps.begin(), row.steps.end());
            steps.emplace_back(Call{"vmrun_rewritten_vmcb", row.offset | row.bit << 12});
            const std::string name = "consistency/rewritten/" + std::string{row.name};
            add_l1_case(catalogue, {.name = name,
                                    .title = row.title,
                                    .manual = "APM2 15.5.1",
                                    .needs = {Feature::apic, Feature::second_cpu},
                                    .program = row.program,
                                    .nested_paging = nested_paging,
                                    .l1_modes = row.only_long64_l1 ? only_l1_long64 : all_l1_modes,
                                    .steps = std::move(steps),
                                    .expectations = {expected},
                                    .vmruns = 4096,
                                    .named_by_paging = true,
                                    .covers = {"rule/entry/checked_is_used"}});
        }
    }
}

const Registration registration{rewritten_vmcb};

} // namespace
} // namespace vmrunit::cases
