// SPDX-License-Identifier: GPL-2.0-only
#include "cases/npt/second_way.hpp"

#include "harness/world.hpp"

namespace vmrunit::cases {

namespace {

constexpr std::uint64_t high = std::uint64_t{1} << 39;
constexpr std::uint32_t third_gigabyte = 3; ///< Index of its entries and of its table.
/// The payload lies in so many pages of 2 MiB.
constexpr unsigned large_pages = 16;
constexpr std::uint64_t small_page_bits = world::table_bits | world::dirty;

/// Entries of 2-level tables are half as long.
Write entry(Region table, std::uint32_t index, Value value, std::uint8_t size = 8) {
    return {wire::Op::Code::write, table, index * size, size, value};
}

Value with_bits(Value value, std::uint64_t bits) {
    return {value.anchor, value.part, value.number + bits};
}

/// A way of tables down to one 4 KiB page, with `bits` of each entry. Two levels have no
/// `pdpt_bits`.
std::vector<Step> small_page(L1Mode l1, std::uint64_t pdpt_bits, std::uint64_t pd_bits,
                             std::uint64_t leaf_bits) {
    std::vector<Step> steps;
    const Value pd = in_region(Region::nested_pd, third_gigabyte * page_size + pdpt_bits);
    if (l1 != L1Mode::legacy) {
        const Region top = l1 == L1Mode::pae ? Region::nested_pae_pdpt : Region::nested_pdpt;
        steps.emplace_back(entry(top, third_gigabyte, pd));
    }
    steps.emplace_back(second_directory_entry(l1, in_region(Region::spare_vmcb, pd_bits)));
    steps.emplace_back(entry(Region::spare_vmcb, 0, in_region(Region::l2_memory, leaf_bits),
                             l1 == L1Mode::legacy ? 4 : 8));
    return steps;
}

/// A PDPTE of PAE has none of the bits that say who may do what.
std::uint64_t pdpt_entry_bits(L1Mode l1) {
    return l1 == L1Mode::pae ? world::present : world::table_bits;
}

bool is_small(NestedLevel level) {
    return level == NestedLevel::leaf_4k || level == NestedLevel::pd || level == NestedLevel::pdpt;
}

} // namespace

std::string_view name_of(NestedLevel level) {
    switch (level) {
    case NestedLevel::leaf_4k:
        return "leaf_4k";
    case NestedLevel::leaf_2m:
        return "leaf_2m";
    case NestedLevel::leaf_1g:
        return "leaf_1g";
    case NestedLevel::leaf_4m:
        return "leaf_4m";
    case NestedLevel::pd:
        return "pd";
    case NestedLevel::pdpt:
        return "pdpt";
    case NestedLevel::pml4:
        break;
    }
    return "pml4";
}

svm::Features needs_of(NestedLevel level) {
    return level == NestedLevel::leaf_1g ? svm::Features{svm::Feature::page_1gb} : svm::Features{};
}

std::vector<unsigned> ignored_in_entry(NestedLevel level, bool long_mode) {
    constexpr unsigned pwt = 3, pcd = 4, dirty = 6, small_pat = 7, global = 8, large_pat = 12;
    constexpr unsigned first_available = 9, end_of_available = 12;
    constexpr unsigned first_high = 52, end_of_high = 63;
    std::vector<unsigned> bits{pwt, pcd};
    switch (level) {
    case NestedLevel::leaf_4k:
        bits.insert(bits.end(), {small_pat, global});
        break;
    case NestedLevel::leaf_2m:
    case NestedLevel::leaf_4m:
    case NestedLevel::leaf_1g:
        bits.insert(bits.end(), {large_pat, global});
        break;
    case NestedLevel::pd:
    case NestedLevel::pdpt:
        bits.insert(bits.end(), {dirty, global});
        break;
    case NestedLevel::pml4:
        bits.push_back(dirty);
        break;
    }
    for (unsigned number = first_available; number < end_of_available; ++number) {
        bits.push_back(number);
    }
    for (unsigned number = first_high; long_mode && number < end_of_high; ++number) {
        bits.push_back(number);
    }
    return bits;
}

std::vector<NestedLevel> nested_levels(L1Mode l1) {
    switch (l1) {
    case L1Mode::pae:
        return {NestedLevel::leaf_4k, NestedLevel::leaf_2m, NestedLevel::pd, NestedLevel::pdpt};
    case L1Mode::legacy:
        return {NestedLevel::leaf_4k, NestedLevel::leaf_4m, NestedLevel::pd};
    case L1Mode::long64:
        break;
    }
    return {NestedLevel::leaf_4k, NestedLevel::leaf_2m, NestedLevel::leaf_1g,
            NestedLevel::pd,      NestedLevel::pdpt,    NestedLevel::pml4};
}

Write second_directory_entry(L1Mode l1, Value value) {
    if (l1 == L1Mode::legacy) {
        return entry(Region::nested_legacy_pd, second_way_begin >> 22, value, 4);
    }
    return entry(Region::nested_pd, third_gigabyte * 512, value);
}

std::vector<Step> second_way(NestedLevel level, L1Mode l1, std::uint64_t set,
                             std::uint64_t cleared) {
    const auto bits = [set, cleared](std::uint64_t fresh) { return (fresh & ~cleared) | set; };
    const std::uint64_t pdpt_bits = pdpt_entry_bits(l1);
    switch (level) {
    case NestedLevel::leaf_4k:
        return small_page(l1, pdpt_bits, world::table_bits, bits(small_page_bits));
    case NestedLevel::pd:
        return small_page(l1, pdpt_bits, bits(world::table_bits), small_page_bits);
    case NestedLevel::pdpt:
        return small_page(l1, bits(pdpt_bits), world::table_bits, small_page_bits);
    case NestedLevel::leaf_2m: {
        std::vector<Step> steps;
        for (std::uint64_t page = 0; page < large_pages; ++page) {
            steps.emplace_back(entry(Region::nested_pd,
                                     third_gigabyte * 512 + static_cast<std::uint32_t>(page),
                                     page << 21 | bits(world::leaf_bits)));
        }
        return steps;
    }
    case NestedLevel::leaf_4m: {
        std::vector<Step> steps;
        for (std::uint64_t page = 0; page < large_pages / 2; ++page) {
            steps.emplace_back(entry(Region::nested_legacy_pd,
                                     static_cast<std::uint32_t>((second_way_begin >> 22) + page),
                                     page << 22 | bits(world::leaf_bits), 4));
        }
        return steps;
    }
    case NestedLevel::leaf_1g:
        return {entry(Region::nested_pdpt, third_gigabyte, bits(world::leaf_bits))};
    case NestedLevel::pml4:
        break;
    }
    // L2's own table leads its third gigabyte there; the nested tables below are the usual ones.
    std::vector<Step> steps{
        entry(Region::nested_pml4, 1, in_region(Region::nested_pdpt, bits(world::table_bits)))};
    for (std::uint64_t page = 0; page < large_pages; ++page) {
        steps.emplace_back(entry(Region::pd,
                                 third_gigabyte * 512 + static_cast<std::uint32_t>(page),
                                 high | page << 21 | world::leaf_bits));
    }
    return steps;
}

Value second_address(NestedLevel level, std::uint32_t offset) {
    return is_small(level) ? Value{second_way_begin + offset}
                           : with_bits(in_region(Region::l2_memory, offset), second_way_begin);
}

Value guest_physical(NestedLevel level, std::uint32_t offset) {
    return level == NestedLevel::pml4 ? with_bits(in_region(Region::l2_memory, offset), high)
                                      : second_address(level, offset);
}

} // namespace vmrunit::cases
