// SPDX-License-Identifier: GPL-2.0-only
// Addresses in the VMCB against the end of physical memory as CPUID gives it: the last byte of a
// permission map, and every bit that CR3 and N_CR3 cannot have. APM2 15.5.1.

#include "cases/model/guest_case.hpp"
#include "cases/model/l1_case.hpp"

#include <string>

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
    // not all sources agree (spec: CC-MSRPM).
    for (const Place& place :
         {Place{"iopm/entered/ends_with_memory", field::iopm_base_pa, 3, false},
          Place{"iopm/third_page_beyond", field::iopm_base_pa, 2, true},
          Place{"iopm/second_page_beyond", field::iopm_base_pa, 1, true},
          Place{"iopm/begins_beyond", field::iopm_base_pa, 0, true},
          Place{"msrpm/second_page_beyond", field::msrpm_base_pa, 1, true},
          Place{"msrpm/begins_beyond", field::msrpm_base_pa, 0, true}}) {
        const std::string name = "consistency/" + place.name;
        add_l1_case(catalogue,
                    {.name = name,
                     .title = "The last byte of the map against the end of physical memory.",
                     .manual = "APM2 15.5.1",
                     .l1_modes = all_l1_modes,
                     .steps = {Call{"vmrun_near_limit", place.field.offset | place.pages << 16}},
                     .expectations = {exit_code(place.refused ? svm::ExitCode::invalid
                                                              : svm::ExitCode::vmmcall)}});
    }
}

void address_bits(Catalogue& catalogue) {
    CallExpectation none;
    none.values = {reported("bits beyond physical addresses that VMRUN accepts", 0)};
    for (const auto& [name, place, nested] :
         {std::tuple{"cr3", field::cr3, false}, std::tuple{"cr3", field::cr3, true},
          std::tuple{"n_cr3", field::n_cr3, true}, std::tuple{"iopm", field::iopm_base_pa, false},
          std::tuple{"msrpm", field::msrpm_base_pa, false}}) {
        const std::string full =
            "consistency/" + std::string{name} + "/address_bits" + (nested ? "_nested" : "");
        // Of a 32-bit L1 nobody says which bits of N_CR3 must be zero.
        const bool of_n_cr3 = place == field::n_cr3;
        add_l1_case(catalogue, {.name = full,
                                .title = "Bits that no physical address of this CPU has.",
                                .manual = "APM2 15.5.1",
                                .nested_paging = nested,
                                .l1_modes = of_n_cr3 ? only_l1_long64 : all_l1_modes,
                                .steps = {Call{"vmrun_address_bits", place.offset}},
                                .expectations = {none}});
    }
}

void physical_limit(Catalogue& catalogue) {
    permission_maps(catalogue);
    address_bits(catalogue);
}

const Registration registration{physical_limit};

} // namespace
} // namespace vmrunit::cases
