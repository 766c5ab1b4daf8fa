// SPDX-License-Identifier: GPL-2.0-only
// A and D of L2's own entries, and of nested ones above the last level: an access sets A on its
// way, a write D of the entry that leads to the page, and nothing sets either where nobody goes. A
// hypervisor that shadows L2's tables has to write them itself. For nested entries of the last
// level see npt/table_walks.cpp. APM2 5.4.2, 15.25.5.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/paging/own_tables.hpp"

#include "harness/world.hpp"

#include <optional>
#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

constexpr std::uint64_t marks = world::accessed | world::dirty;
constexpr std::uint32_t last_gigabyte = 3;

/// The entry in question, where it is compared after a VMRUN: in the first entries of its table.
struct Place {
    Region region;
    std::uint32_t offset;
};

/// A way through tables of which the entry in question has neither A nor D.
struct Way {
    NestedLevel level;
    std::vector<Step> steps;
    Place entry;
    bool is_leaf;
};

Write put(Region table, std::uint32_t index, Value value) {
    return {wire::Op::Code::write, table, index * 8, 8, value};
}

/// The directory of the last gigabyte is the spare VMCB, and the table below it the IVT.
std::vector<Step> low_directory(Region pointers, bool is_pae) {
    constexpr std::uint64_t entry_bits = world::table_bits;
    return {put(pointers, last_gigabyte,
                in_region(Region::spare_vmcb, is_pae ? world::present : entry_bits)),
            put(Region::spare_vmcb, 0, in_region(Region::ivt, entry_bits & ~marks)),
            put(Region::ivt, 0, in_region(Region::l2_memory, entry_bits | world::dirty))};
}

std::vector<Way> own_ways(L2Mode mode) {
    const Place in_pointers{Region::pdpt, last_gigabyte * 8};
    const Place in_spare{Region::spare_vmcb, 0};
    std::vector<Way> ways{
        {NestedLevel::leaf_4k, own_way(NestedLevel::leaf_4k, mode, 0, marks), in_spare, true}};
    if (mode == L2Mode::pae) {
        ways.push_back({NestedLevel::pd, low_directory(Region::pae_pdpt, true), in_spare, false});
    }
    if (is_long_mode(mode)) {
        ways.push_back({NestedLevel::pd, low_directory(Region::pdpt, false), in_spare, false});
        ways.push_back({NestedLevel::leaf_1g, own_way(NestedLevel::leaf_1g, mode, 0, marks),
                        in_pointers, true});
        ways.push_back(
            {NestedLevel::pdpt, own_way(NestedLevel::pdpt, mode, 0, marks), in_pointers, false});
    }
    if (mode == L2Mode::long64) {
        ways.push_back({NestedLevel::pml4, own_way(NestedLevel::pml4, mode, 0, marks),
                        Place{Region::pml4, 8}, false});
    }
    return ways;
}

std::vector<Way> nested_ways(L1Mode l1, L2Mode mode) {
    const Place in_pointers{Region::nested_pdpt, last_gigabyte * 8};
    const Place in_spare{Region::spare_vmcb, 0};
    if (l1 == L1Mode::pae) {
        return {{NestedLevel::pd, low_directory(Region::nested_pae_pdpt, true), in_spare, false}};
    }
    std::vector<Way> ways{
        {NestedLevel::pd, low_directory(Region::nested_pdpt, false), in_spare, false},
        {NestedLevel::leaf_1g, second_way(NestedLevel::leaf_1g, l1, 0, marks), in_pointers, true},
        {NestedLevel::pdpt, second_way(NestedLevel::pdpt, l1, 0, marks), in_pointers, false}};
    if (reaches_beyond_4g(mode)) {
        ways.push_back({NestedLevel::pml4, second_way(NestedLevel::pml4, l1, 0, marks),
                        Place{Region::nested_pml4, 8}, false});
    }
    return ways;
}

void add(Catalogue& catalogue, const std::string& area, const Way& way, Value address,
         const L2Start& start) {
    const auto row = [&](std::string_view what, std::string_view title, std::string_view program,
                         ExitExpectation exit, std::uint64_t set) {
        constexpr std::uint8_t low_byte = 1;
        constexpr std::uint64_t fresh = world::present | world::writable | world::user;
        if (set != 0) {
            const std::uint64_t large = way.level == NestedLevel::leaf_1g ? world::large : 0;
            exit.memory.push_back(
                {way.entry.region, way.entry.offset, low_byte, fresh | large | set});
        }
        std::vector<Step> steps = way.steps;
        steps.emplace_back(l2_register(Register::rdi, address));
        steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
        add_guest_case(catalogue,
                       {.name = area + "/accessed_dirty/" + std::string{name_of(way.level)} + "_" +
                                std::string{what},
                        .title = title,
                        .manual = "APM2 5.4.2",
                        .needs = needs_of(way.level),
                        .program = program,
                        .steps = std::move(steps),
                        .exit = std::move(exit),
                        .l1_modes = only(start.l1)},
                       start);
    };
    ExitExpectation read = program_ends();
    read.registers = {{Register::rbx, 0xd3d2'd1d0}};
    row("read", "A read sets A.", "raise_pf_read", read, world::accessed);
    ExitExpectation written = program_ends();
    written.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
    row("write", way.is_leaf ? "A write sets A and D." : "A write sets A, for D is the leaf's.",
        "raise_pf_write", written, world::accessed | (way.is_leaf ? world::dirty : 0));
    row("unused", "Without an access neither is set.", "nothing", program_ends(), 0);
}

void accessed_dirty(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            for (const bool nested_paging : {true, false}) {
                const L2Start start{mode, cpl, nested_paging, L1Mode::long64};
                for (const Way& way : own_ways(mode)) {
                    add(catalogue, "paging", way, own_address(way.level, l2_data_offset), start);
                }
            }
            for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae}) {
                for (const Way& way : nested_ways(l1, mode)) {
                    add(catalogue, "npt", way, second_address(way.level, l2_data_offset),
                        {mode, cpl, true, l1});
                }
            }
        }
    }
}

const Registration registration{accessed_dirty};

} // namespace
} // namespace vmrunit::cases
