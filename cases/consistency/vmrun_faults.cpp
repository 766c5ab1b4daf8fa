// SPDX-License-Identifier: GPL-2.0-only
// VMRUN in L1 that never gets as far as its VMCB: an address that no VMCB can have raises #GP and
// touches nothing. APM2 15.5.1; APM3, VMRUN.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

constexpr FaultExpectation general_protection{.vector = 13, .error_code = 0};

void vmrun_faults(Catalogue& catalogue) {
    for (const unsigned number : {0u, 3u, 6u, 11u}) {
        const std::string name = "consistency/vmrun/misaligned_bit_" + std::to_string(number);
        add_l1_case(catalogue, {.name = name,
                                .title = "The address of a VMCB is a multiple of 4096.",
                                .manual = "APM2 15.5.1",
                                .steps = {Run{in_region(Region::vmcb, std::uint64_t{1} << number)}},
                                .expectations = {general_protection}});
    }
    for (const unsigned number : {52u, 56u, 63u}) {
        const std::string name = "consistency/vmrun/beyond_memory_bit_" + std::to_string(number);
        add_l1_case(catalogue, {.name = name,
                                .title = "No physical address has this bit.",
                                .manual = "APM2 15.5.1",
                                .steps = {Run{std::uint64_t{1} << number}},
                                .expectations = {general_protection}});
    }
    // The fault is VMRUN's alone: the next one is not hurt.
    add_l1_case(catalogue, {.name = "consistency/vmrun/fault_then_entry",
                            .title = "After the fault a good address runs.",
                            .manual = "APM2 15.5.1",
                            .steps = {Run{in_region(Region::vmcb, 8)}, Run{}},
                            .expectations = {general_protection, ExitExpectation{}}});
}

const Registration registration{vmrun_faults};

} // namespace
} // namespace vmrunit::cases
