// SPDX-License-Identifier: GPL-2.0-only
// Two VMCBs and three that take turns, with all clean bits set once each has run: what a CPU keeps
// of one is not taken for another's. Their page tables, L2's own or nested ones, lead one address
// to different pages, so a translation of another ASID shows, and one that a flush should have
// dropped. APM2 15.15, 15.16.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/vmcb.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

using svm::Feature;

// As vmrun_alternated reads its argument.
constexpr std::uint32_t own_tables = 0x01;
constexpr std::uint32_t one_asid = 0x02;
constexpr std::uint32_t flush_asid = 0x04;
constexpr std::uint32_t three_of_them = 0x08;

CallExpectation each_its_own(std::uint64_t runs) {
    CallExpectation expected;
    expected.values = {reported("VMRUNs", runs)};
    for (const char* const what :
         {"came to another exit", "read another's word", "had another CR2", "had another DR6",
          "had another RAX or RSP", "had another limit of GDTR", "had another V_TPR"}) {
        expected.values.push_back(reported(std::string{what} + ", times", 0));
    }
    return expected;
}

void alternated(Catalogue& catalogue) {
    struct Way {
        std::string name;
        std::string_view title;
        std::uint32_t bits;
        svm::Features needs{};
    };
    const Way ways[] = {
        {"own_asids", "Each has its own ASID, and nobody flushes.", 0},
        {"one_asid_flush_all", "All have one ASID, and each VMRUN flushes everything.", one_asid},
        {"one_asid_flush_asid", "All have one ASID, and each VMRUN flushes it.",
         one_asid | flush_asid, Feature::flush_by_asid},
    };
    for (const bool three : {false, true}) {
        for (const Way& way : ways) {
            for (const bool by_cr3 : {true, false}) {
                for (const bool nested_paging : {true, false}) {
                    if (!by_cr3 && !nested_paging) {
                        continue;
                    }
                    add_l1_case(
                        catalogue,
                        {.name = std::string{"caching/alternated/"} + (three ? "three" : "two") +
                                 (by_cr3 ? "_by_cr3/" : "_by_n_cr3/") + way.name,
                         .title = way.title,
                         .manual = "APM2 15.16",
                         .needs = way.needs,
                         .program = "raise_pf_read",
                         .nested_paging = nested_paging,
                         // Nested tables of four levels are those of a 64-bit L1.
                         .l1_modes = by_cr3 ? all_l1_modes : only_l1_long64,
                         // A 32-bit L1 does not know the upper half of RDI: L2 begins with clearing
                         // it.
                         .steps = {l2_register(Register::rdi, 0xc000'0000),
                                   vmcb_field(svm::field::rip, at_start),
                                   Call{"vmrun_alternated", way.bits | (by_cr3 ? own_tables : 0u) |
                                                                (three ? three_of_them : 0u)}},
                         .expectations = {each_its_own(three ? 13 : 9)},
                         .named_by_paging = true,
                         .covers = {"rule/tlb/asid"}});
                }
            }
        }
    }
}

const Registration registration{alternated};

} // namespace
} // namespace vmrunit::cases
