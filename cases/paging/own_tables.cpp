// SPDX-License-Identifier: GPL-2.0-only
#include "cases/paging/own_tables.hpp"

#include "cases/model/instruction_table.hpp"
#include "harness/world.hpp"

namespace vmrunit::cases {

namespace {

constexpr std::uint64_t second_linear = second_way_begin;
constexpr std::uint64_t high_linear = std::uint64_t{1} << 39;
constexpr std::uint32_t last_gigabyte = 3; ///< Index of its entries and of its table.
/// The payload lies in so many pages of 2 MiB.
constexpr unsigned payload_pages = 16;
constexpr std::uint64_t own_leaf_bits = world::table_bits | world::dirty;

/// Entries of 2-level tables are half as long.
Write table_entry(L2Mode mode, Region table, std::uint32_t index, Value value) {
    const std::uint8_t size = mode == L2Mode::prot32 ? 4 : 8;
    return {wire::Op::Code::write, table, index * size, size, value};
}

/// The entry above the table of 4 KiB pages.
Write directory_entry(L2Mode mode, std::uint64_t bits) {
    const Value table = in_region(Region::spare_vmcb, bits);
    return mode == L2Mode::prot32 ? table_entry(mode, Region::legacy_pd, second_linear >> 22, table)
                                  : table_entry(mode, Region::pd, last_gigabyte * 512, table);
}

} // namespace

std::vector<NestedLevel> own_levels(L2Mode mode) {
    using enum NestedLevel;
    switch (mode) {
    case L2Mode::long64:
        return {leaf_4k, leaf_2m, leaf_1g, pd, pdpt, pml4};
    case L2Mode::compat: // 32-bit code does not reach the second entry of the topmost table.
        return {leaf_4k, leaf_2m, leaf_1g, pd, pdpt};
    case L2Mode::pae:
        return {leaf_4k, leaf_2m, pd, pdpt};
    default:
        return {leaf_4k, leaf_4m, pd};
    }
}

std::vector<Step> own_way(NestedLevel level, L2Mode mode, std::uint64_t set,
                          std::uint64_t cleared) {
    const auto bits = [set, cleared](std::uint64_t fresh) { return (fresh & ~cleared) | set; };
    switch (level) {
    case NestedLevel::leaf_4k:
        return {directory_entry(mode, world::table_bits),
                table_entry(mode, Region::spare_vmcb, 0,
                            in_region(Region::l2_memory, bits(own_leaf_bits)))};
    case NestedLevel::pd:
        return {
            directory_entry(mode, bits(world::table_bits)),
            table_entry(mode, Region::spare_vmcb, 0, in_region(Region::l2_memory, own_leaf_bits))};
    case NestedLevel::leaf_2m:
    case NestedLevel::leaf_4m: {
        const bool is_legacy = level == NestedLevel::leaf_4m;
        const unsigned shift = is_legacy ? 22 : 21;
        std::vector<Step> steps;
        for (std::uint64_t page = 0; page << shift < std::uint64_t{payload_pages} << 21; ++page) {
            steps.emplace_back(
                table_entry(mode, is_legacy ? Region::legacy_pd : Region::pd,
                            static_cast<std::uint32_t>(
                                (is_legacy ? second_linear >> 22 : last_gigabyte * 512) + page),
                            page << shift | bits(world::leaf_bits)));
        }
        return steps;
    }
    case NestedLevel::leaf_1g:
        return {table_entry(mode, Region::pdpt, last_gigabyte, bits(world::leaf_bits))};
    case NestedLevel::pdpt: {
        const bool is_long = is_long_mode(mode);
        std::vector<Step> steps = own_way(NestedLevel::leaf_4k, mode);
        steps.emplace_back(table_entry(
            mode, is_long ? Region::pdpt : Region::pae_pdpt, last_gigabyte,
            in_region(Region::pd, last_gigabyte * page_size +
                                      bits(is_long ? world::table_bits : world::present))));
        return steps;
    }
    case NestedLevel::pml4:
        break;
    }
    return {table_entry(mode, Region::pml4, 1, in_region(Region::pdpt, bits(world::table_bits)))};
}

Value own_address(NestedLevel level, std::uint32_t offset) {
    switch (level) {
    case NestedLevel::leaf_4k:
    case NestedLevel::pd:
    case NestedLevel::pdpt:
        return second_linear + offset;
    case NestedLevel::pml4:
        return in_region(Region::l2_memory, high_linear + offset);
    default:
        return in_region(Region::l2_memory, second_linear + offset);
    }
}

std::vector<Step> supervisor_programs(L2Mode mode) {
    const bool is_legacy = mode == L2Mode::prot32;
    const unsigned pages = is_legacy ? payload_pages / 2 : payload_pages;
    std::vector<Step> steps;
    for (unsigned page = 0; page < pages; ++page) {
        const std::uint8_t size = is_legacy ? 4 : 8;
        steps.emplace_back(Write{wire::Op::Code::clear_bits,
                                 is_legacy ? Region::legacy_pd : Region::pd, page * size, size,
                                 world::user});
    }
    return steps;
}

} // namespace vmrunit::cases
