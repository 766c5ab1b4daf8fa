// SPDX-License-Identifier: GPL-2.0-only
// Numbers in the VMCB against what CPUID says that there is. The end of physical memory: the last
// byte of a permission map, every bit that CR3, N_CR3 and a PDPTE cannot have, and the highest that
// they can. And the last ASID; of one beyond the list of checks does not speak (spec: CC-ASID0).
// APM2 15.5.1.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include <string>
#include <tuple>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

CallExpectation exit_code(svm::ExitCode code) {
    CallExpectation expected;
    expected.values = {
        reported("lower half of the exit code", static_cast<std::uint64_t>(code) & 0xffff'ffff)};
    return expected;
}

void permission_maps(Catalogue& catalogue) {
    struct Place {
        std::string name;
        svm::FieldRef field;
        unsigned pages; ///< Before the end of memory.
        bool refused;
    };
    // That a map of the MSRs which ends where memory ends is accepted follows from the formula, but
    // not all sources agree (spec: CC-MSRPM); that one a page before it is, they do.
    for (const Place& place :
         {Place{"iopm/entered/ends_with_memory", field::iopm_base_pa, 3, false},
          Place{"iopm/third_page_beyond", field::iopm_base_pa, 2, true},
          Place{"iopm/second_page_beyond", field::iopm_base_pa, 1, true},
          Place{"iopm/begins_beyond", field::iopm_base_pa, 0, true},
          Place{"msrpm/entered/page_before_the_end", field::msrpm_base_pa, 3, false},
          Place{"msrpm/second_page_beyond", field::msrpm_base_pa, 1, true},
          Place{"msrpm/begins_beyond", field::msrpm_base_pa, 0, true}}) {
        for (const bool intercepted : {false, true}) {
            std::vector<Step> steps;
            if (intercepted) {
                steps.emplace_back(intercepting(place.field == field::iopm_base_pa
                                                    ? svm::Intercept::ioio_prot
                                                    : svm::Intercept::msr_prot));
            }
            steps.emplace_back(Call{"vmrun_near_limit", place.field.offset | place.pages << 16});
            const std::string name =
                "consistency/" + place.name + (intercepted ? "/intercepted" : "");
            add_l1_case(catalogue,
                        {.name = name,
                         .title = "The last byte of the map against the end of physical memory.",
                         .manual = "APM2 15.5.1",
                         .l1_modes = all_l1_modes,
                         .steps = std::move(steps),
                         .expectations = {exit_code(place.refused ? svm::ExitCode::invalid
                                                                  : svm::ExitCode::vmmcall)}});
        }
    }
}

void address_bits(Catalogue& catalogue) {
    CallExpectation none;
    none.values = {reported("bits beyond physical addresses that VMRUN accepts", 0)};
    for (const auto& [name, place, nested, mode] :
         {std::tuple{"cr3", field::cr3, false, L2Mode::long64},
          std::tuple{"cr3", field::cr3, true, L2Mode::long64},
          std::tuple{"cr3/compat", field::cr3, false, L2Mode::compat},
          std::tuple{"cr3/compat", field::cr3, true, L2Mode::compat},
          std::tuple{"n_cr3", field::n_cr3, true, L2Mode::long64},
          std::tuple{"iopm", field::iopm_base_pa, false, L2Mode::long64},
          std::tuple{"msrpm", field::msrpm_base_pa, false, L2Mode::long64}}) {
        const std::string full =
            "consistency/" + std::string{name} + "/address_bits" + (nested ? "_nested" : "");
        // Of a 32-bit L1 nobody says which bits of N_CR3 must be zero.
        const bool of_n_cr3 = place == field::n_cr3;
        add_l1_case(catalogue, {.name = full,
                                .title = "Bits that no physical address of this CPU has.",
                                .manual = "APM2 15.5.1",
                                .needs = svm::Feature::unused_address_bits,
                                .mode = mode,
                                .nested_paging = nested,
                                .l1_modes = of_n_cr3 ? only_l1_long64 : all_l1_modes,
                                .steps = {Call{"vmrun_address_bits", place.offset}},
                                .expectations = {none}});
    }
}

/// Of AVIC's tables, which VMRUN checks where AVIC is on. APM2 15.29.
void address_bits_of_avic(Catalogue& catalogue) {
    CallExpectation none;
    none.values = {reported("bits beyond physical addresses that VMRUN accepts", 0)};
    const std::uint64_t enable = svm::VirtualInterrupt::avic_enable.mask();
    for (const auto& [name, place] : {std::pair{"backing_page", field::avic_backing_page},
                                      std::pair{"logical_table", field::avic_logical_table},
                                      std::pair{"physical_table", field::avic_physical_table}}) {
        add_l1_case(catalogue, {.name = "consistency/avic/" + std::string{name} + "/address_bits",
                                .title = "Bits that no physical address of this CPU has.",
                                .manual = "APM2 15.29",
                                .needs = {svm::Feature::np, svm::Feature::avic,
                                          svm::Feature::unused_address_bits},
                                .nested_paging = true,
                                .l1_modes = only_l1_long64,
                                .steps = {vmcb_set(field::virtual_interrupt, enable),
                                          Call{"vmrun_address_bits", place.offset}},
                                .expectations = {none}});
    }
}

/// Of the PDPTEs, which VMRUN loads only without nested paging.
void address_bits_of_pdptes(Catalogue& catalogue) {
    CallExpectation none;
    none.values = {reported("bits beyond physical addresses that VMRUN accepts", 0)};
    for (std::uint32_t entry = 0; entry < 4; ++entry) {
        add_l1_case(catalogue,
                    {.name = "consistency/pdpte/address_bits/entry_" + std::to_string(entry),
                     .title = "Bits that no physical address of this CPU has.",
                     .manual = "APM2 15.5.1",
                     .needs = svm::Feature::unused_address_bits,
                     .mode = L2Mode::pae,
                     .l1_modes = all_l1_modes,
                     .steps = {Call{"vmrun_pdpte_address_bits", entry}},
                     .expectations = {none}});
    }
}

/// L2's tables are where its nested ones map nothing, or those are where no memory is.
void highest_address_bit(Catalogue& catalogue) {
    const auto row = [&](std::string_view name, svm::FieldRef place, bool says_exit) {
        CallExpectation expected;
        expected.values = {reported("refused", 0),
                           reported("lower half of the exit code",
                                    static_cast<std::uint64_t>(svm::ExitCode::npf))};
        if (!says_exit) {
            // What is read where no memory is nobody says.
            expected.values.back().match = Match::free;
        }
        add_l1_case(catalogue, {.name = name,
                                .title = "The highest bit that a physical address of this CPU has.",
                                .manual = "APM2 15.5.1",
                                .nested_paging = true,
                                .l1_modes = only_l1_long64,
                                .steps = {Call{"vmrun_highest_address_bit", place.offset}},
                                .expectations = {expected}});
    };
    row("consistency/cr3/entered/highest_address_bit", field::cr3, true);
    row("consistency/n_cr3/entered/highest_address_bit", field::n_cr3, false);
}

void last_asid(Catalogue& catalogue) {
    for (const bool nested_paging : {true, false}) {
        CallExpectation expected;
        expected.values = {reported("lower half of the exit code",
                                    static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
                           {0, ~std::uint64_t{0}, Match::free, "ASIDs that there are"}};
        add_l1_case(catalogue, {.name = "consistency/asid/entered/last",
                                .title = "The last ASID that CPUID says there is.",
                                .manual = "APM2 15.5.1",
                                .nested_paging = nested_paging,
                                .l1_modes = all_l1_modes,
                                .steps = {Call{"vmrun_last_asid"}},
                                .expectations = {expected},
                                .named_by_paging = true});
    }
}

void physical_limit(Catalogue& catalogue) {
    permission_maps(catalogue);
    address_bits(catalogue);
    address_bits_of_avic(catalogue);
    address_bits_of_pdptes(catalogue);
    highest_address_bit(catalogue);
    last_asid(catalogue);
}

const Registration registration{physical_limit};

} // namespace
} // namespace vmrunit::cases
