// SPDX-License-Identifier: GPL-2.0-only
#include "cases/npt/nested_page.hpp"

#include "harness/svm/vmcb_fields.hpp"

namespace vmrunit::cases {

Write nested_entry(L1Mode l1, Region page, std::uint64_t bits) {
    const std::uint8_t size = l1 == L1Mode::legacy ? 4 : 8;
    return {wire::Op::Code::write, Region::spare_vmcb, 0, size, in_region(page, bits)};
}

std::vector<Step> nested_page(L1Mode l1, Region page, std::uint64_t bits) {
    return {
        second_directory_entry(l1, in_region(Region::spare_vmcb, world::table_bits)),
        nested_entry(l1, page, bits),
    };
}

std::vector<Step> large_nested_page(L1Mode l1, bool reserved) {
    // Bits that belong to no address of a page of that size.
    return l1 == L1Mode::legacy ? second_way(NestedLevel::leaf_4m, l1, reserved ? 1 << 21 : 0)
                                : second_way(NestedLevel::leaf_2m, l1, reserved ? 1 << 13 : 0);
}

ExitExpectation walk_fault(std::uint64_t reported, Value address, std::uint64_t address_mask) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::npf;
    exit.rip = at_start;
    exit.fields = {{svm::field::exit_info_1, in_tables | reported},
                   {svm::field::exit_info_2, address, address_mask}};
    if (address_mask != ~std::uint64_t{0}) {
        exit.fields.push_back({svm::field::exit_info_2, {}, ~address_mask, Match::free});
    }
    return exit;
}

} // namespace vmrunit::cases
