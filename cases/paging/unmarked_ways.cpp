// SPDX-License-Identifier: GPL-2.0-only
#include "cases/paging/unmarked_ways.hpp"

#include "cases/model/instruction_table.hpp"
#include "cases/paging/own_tables.hpp"

#include "harness/svm/vmcb_fields.hpp"

#include <utility>

namespace vmrunit::cases {

namespace {

constexpr std::uint32_t last_gigabyte = 3;

Write put(Region table, std::uint32_t index, Value value, std::uint8_t size = 8) {
    return {wire::Op::Code::write, table, index * size, size, value};
}

/// What the last gigabyte's directory leads to: the spare VMCB.
Write to_low_directory(Region pointers, bool is_pae) {
    return put(pointers, last_gigabyte,
               in_region(Region::spare_vmcb, is_pae ? world::present : world::table_bits));
}

/// And the table below it is the IVT.
std::vector<Step> low_directory(Region pointers, bool is_pae) {
    constexpr std::uint64_t table_bits = world::table_bits;
    return {to_low_directory(pointers, is_pae),
            put(Region::spare_vmcb, 0, in_region(Region::ivt, table_bits & ~marks)),
            put(Region::ivt, 0, in_region(Region::l2_memory, table_bits | world::dirty))};
}

constexpr unsigned shift_2m = 21;
constexpr unsigned shift_4m = 22;

/// An entry for the large page that L2's memory lies in.
Value large_leaf(unsigned shift) {
    return (in_region(Region::l2_memory) & ~((std::uint64_t{1} << shift) - 1)) |
           (world::leaf_bits & ~marks);
}
/// L2's data, where that page begins at the second way.
Value in_large_page(unsigned shift) {
    return (in_region(Region::l2_memory, l2_data_offset) & ((std::uint64_t{1} << shift) - 1)) |
           second_way_begin;
}

std::vector<Step> low_leaf(Region pointers, bool is_pae) {
    return {to_low_directory(pointers, is_pae), put(Region::spare_vmcb, 0, large_leaf(shift_2m))};
}

/// The spare VMCB as the root of 2-level tables, which map the payload as the usual ones do.
std::vector<Step> legacy_root(svm::FieldRef root, Value entry) {
    constexpr unsigned payload_pages = 8;
    std::vector<Step> steps{vmcb_field(root, in_region(Region::spare_vmcb))};
    for (std::uint32_t page = 0; page < payload_pages; ++page) {
        steps.emplace_back(
            put(Region::spare_vmcb, page, std::uint64_t{page} << shift_4m | world::leaf_bits, 4));
    }
    steps.emplace_back(put(Region::spare_vmcb, second_way_begin >> shift_4m, entry, 4));
    return steps;
}

/// Of such tables a large page, and a table of small ones.
std::vector<Way> legacy_ways(svm::FieldRef root) {
    const Place in_root{Region::spare_vmcb, (second_way_begin >> shift_4m) * 4};
    constexpr std::uint64_t table_bits = world::table_bits;
    std::vector<Step> small = legacy_root(root, in_region(Region::ivt, table_bits & ~marks));
    small.emplace_back(
        put(Region::ivt, 0, in_region(Region::l2_memory, table_bits | world::dirty), 4));
    return {{NestedLevel::leaf_4m, legacy_root(root, large_leaf(shift_4m)), in_root, true,
             in_large_page(shift_4m)},
            {NestedLevel::pd, std::move(small), in_root, false, second_way_begin + l2_data_offset}};
}

bool is_large(NestedLevel level) {
    return level == NestedLevel::leaf_2m || level == NestedLevel::leaf_4m ||
           level == NestedLevel::leaf_1g;
}

} // namespace

std::vector<Way> own_ways(L2Mode mode) {
    const Place in_pointers{Region::pdpt, last_gigabyte * 8};
    const Place in_spare{Region::spare_vmcb, 0};
    const auto at = [](NestedLevel level) { return own_address(level, l2_data_offset); };
    std::vector<Way> ways{{NestedLevel::leaf_4k, own_way(NestedLevel::leaf_4k, mode, 0, marks),
                           in_spare, true, at(NestedLevel::leaf_4k)}};
    const bool is_long = is_long_mode(mode);
    if (mode == L2Mode::prot32) {
        for (Way& way : legacy_ways(svm::field::cr3)) {
            ways.push_back(std::move(way));
        }
    } else {
        const Region pointers = is_long ? Region::pdpt : Region::pae_pdpt;
        ways.push_back({NestedLevel::pd, low_directory(pointers, !is_long), in_spare, false,
                        at(NestedLevel::pd)});
        ways.push_back({NestedLevel::leaf_2m, low_leaf(pointers, !is_long), in_spare, true,
                        in_large_page(shift_2m)});
    }
    if (is_long) {
        ways.push_back({NestedLevel::leaf_1g, own_way(NestedLevel::leaf_1g, mode, 0, marks),
                        in_pointers, true, at(NestedLevel::leaf_1g)});
        ways.push_back({NestedLevel::pdpt, own_way(NestedLevel::pdpt, mode, 0, marks), in_pointers,
                        false, at(NestedLevel::pdpt)});
    }
    if (mode == L2Mode::long64) {
        ways.push_back({NestedLevel::pml4, own_way(NestedLevel::pml4, mode, 0, marks),
                        Place{Region::pml4, 8}, false, at(NestedLevel::pml4)});
    }
    return ways;
}

std::vector<Way> nested_ways(L1Mode l1, L2Mode mode) {
    if (l1 == L1Mode::legacy) {
        return legacy_ways(svm::field::n_cr3);
    }
    const Place in_pointers{Region::nested_pdpt, last_gigabyte * 8};
    const Place in_spare{Region::spare_vmcb, 0};
    const bool is_pae = l1 == L1Mode::pae;
    const Region pointers = is_pae ? Region::nested_pae_pdpt : Region::nested_pdpt;
    const auto at = [](NestedLevel level) { return second_address(level, l2_data_offset); };
    std::vector<Way> ways{
        {NestedLevel::pd, low_directory(pointers, is_pae), in_spare, false, at(NestedLevel::pd)},
        {NestedLevel::leaf_2m, low_leaf(pointers, is_pae), in_spare, true,
         in_large_page(shift_2m)}};
    if (is_pae) {
        return ways;
    }
    ways.push_back({NestedLevel::leaf_1g, second_way(NestedLevel::leaf_1g, l1, 0, marks),
                    in_pointers, true, at(NestedLevel::leaf_1g)});
    ways.push_back({NestedLevel::pdpt, second_way(NestedLevel::pdpt, l1, 0, marks), in_pointers,
                    false, at(NestedLevel::pdpt)});
    if (reaches_beyond_4g(mode)) {
        ways.push_back({NestedLevel::pml4, second_way(NestedLevel::pml4, l1, 0, marks),
                        Place{Region::nested_pml4, 8}, false, at(NestedLevel::pml4)});
    }
    return ways;
}

MemoryExpectation entry_has(const Way& way, std::uint64_t set) {
    constexpr std::uint8_t low_byte = 1;
    constexpr std::uint64_t fresh = world::present | world::writable | world::user;
    const std::uint64_t large = is_large(way.level) ? world::large : 0;
    return {way.entry.region, way.entry.offset, low_byte, fresh | large | set};
}

} // namespace vmrunit::cases
