// SPDX-License-Identifier: GPL-2.0-only
// Pages of 4 MiB beyond 4 GiB: bits 20:13 of L2's own entry are bits 39:32 of the address (PSE-36).
// No nested entry leads there, so the nested page fault tells the address; its twin without such a
// bit is paging/leaf_4m/sound. Every CPU with SVM has at least 40 bits of physical address.
// APM2 5.2.2.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/nested_page.hpp"
#include "cases/paging/own_tables.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

/// Of a 64-bit L1: no nested tables of another map anything from 4 GiB on.
void wide_pages(Catalogue& catalogue) {
    constexpr unsigned first_bit = 13; ///< Of the entry.
    constexpr unsigned first_of_address = 32;
    constexpr unsigned end_of_address = 40;
    constexpr std::uint64_t read_of_absent = 4;
    for (unsigned number = first_of_address; number < end_of_address; ++number) {
        const std::uint64_t bit = std::uint64_t{1} << (number - first_of_address + first_bit);
        std::vector<Step> steps = own_way(NestedLevel::leaf_4m, L2Mode::prot32, bit);
        steps.emplace_back(
            l2_register(Register::rdi, own_address(NestedLevel::leaf_4m, l2_data_offset)));
        ExitExpectation exit;
        exit.exit_code = svm::ExitCode::npf;
        exit.fields = {
            {field::exit_info_1, final_address | read_of_absent},
            {field::exit_info_2,
             in_region(Region::l2_memory, (std::uint64_t{1} << number) + l2_data_offset)}};
        exit.instruction_bytes = InstructionBytes::stored;
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            add_guest_case(catalogue,
                           {.name = "paging/leaf_4m/address_bit_" + std::to_string(number),
                            .title = "A page of 4 MiB whose address has this bit.",
                            .manual = "APM2 5.2.2",
                            .needs = svm::Feature::pse36,
                            .program = "raise_pf_read",
                            .steps = steps,
                            .exit = exit,
                            .l1_modes = only_l1_long64},
                           {L2Mode::prot32, cpl, true});
        }
    }
}

const Registration registration{wide_pages};

} // namespace
} // namespace vmrunit::cases
