// SPDX-License-Identifier: GPL-2.0-only
// L1 changes a nested entry of any level or page size between two VMRUNs, and drops the
// translations by any of the ways that there are. For that of 4 KiB pages see table_walks.cpp too.
// APM2 15.16, 15.25.5.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/flushes.hpp"
#include "cases/npt/nested_page.hpp"

#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

/// What becomes of the entry, and what the access that it then stops reports.
struct Change {
    std::string name;
    std::string_view program;
    std::uint64_t set;
    std::uint64_t cleared;
    std::uint64_t reported; ///< 0: nothing is stopped.
};

const Change changes[] = {
    {"absent", "raise_pf_write", 0, world::present, 6},
    {"read_only", "raise_pf_write", 0, world::writable, 7},
    {"supervisor", "raise_pf_write", 0, world::user, 7},
    {"no_execute", "raise_pf_fetch", no_execute, 0, 0x15},
    {"unchanged", "raise_pf_write", 0, 0, 0},
};

ExitExpectation permitted(bool fetches, Value address) {
    ExitExpectation exit = program_ends();
    if (fetches) {
        // L2's data is a VMMCALL.
        exit.rip = address;
        exit.next_rip = Value{address.anchor, address.part, address.number + 3};
    } else {
        exit.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
    }
    return exit;
}

ExitExpectation stopped(bool fetches, Value address, Value physical, std::uint64_t reported) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::npf;
    exit.rip = fetches ? address : at_insn;
    exit.fields = {{field::exit_info_1, final_address | reported}, {field::exit_info_2, physical}};
    return exit;
}

void changed(Catalogue& catalogue, const L2Start& start, NestedLevel level, const Change& change,
             const Flush& flush) {
    const bool fetches = change.program == "raise_pf_fetch";
    const Value address = second_address(level, l2_data_offset);
    std::vector<Step> steps = second_way(level, start.l1);
    steps.emplace_back(l2_register(Register::rdi, address));
    steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
    if (fetches) {
        steps.emplace_back(l2_data_bytes(0, 4, 0x00d9'010f));
    }
    add_guest_case(
        catalogue,
        {.name =
             "npt/changed/" + std::string{name_of(level)} + "/" + change.name + "_" + flush.name,
         .title = change.reported != 0 ? "What the entry no longer permits is not done."
                                       : "The twin: what it still permits is.",
         .manual = "APM2 15.16",
         .needs = flush.needs | needs_of(level),
         .program = change.program,
         .steps = std::move(steps),
         .exit = permitted(fetches, address),
         .then = join(second_way(level, start.l1, change.set, change.cleared),
                      run_behind(flush, start.mode)),
         .then_expected = {change.reported == 0
                               ? permitted(fetches, address)
                               : stopped(fetches, address, guest_physical(level, l2_data_offset),
                                         change.reported)},
         .l1_modes = only(start.l1)},
        start);
}

constexpr std::uint32_t old_word = 0xd3d2'd1d0; ///< As L2's data begin.
constexpr std::uint32_t new_word = 0x7654'3210;
constexpr std::uint32_t third_gigabyte = 3;
/// The payload lies in so many pages of 2 MiB, and half of them is how far it is to the others.
constexpr std::uint32_t payload_pages = 16;

/// Pages of the other modes' tables: a directory, a table, and what L2 finds in place of its data.
constexpr Region other_directory = Region::idt16;
constexpr Region other_table = Region::legacy_pt;
constexpr Region other_page = Region::ivt;

Write put(Region table, std::uint32_t index, Value value, std::uint8_t size = 8) {
    return {wire::Op::Code::write, table, index * size, size, value};
}

/// Entries for large pages that lead to the other half of the payload.
std::vector<Step> other_half(Region table, std::uint32_t first, unsigned shift) {
    const std::uint32_t pages = (payload_pages << 21) >> shift;
    std::vector<Step> steps;
    for (std::uint32_t page = 0; page < pages; ++page) {
        steps.emplace_back(put(table, first + page,
                               std::uint64_t{page ^ pages / 2} << shift | world::leaf_bits,
                               shift == 22 ? 4 : 8));
    }
    return steps;
}

/// A way to other memory, and the entry in question that then leads there.
struct Elsewhere {
    std::vector<Step> way;
    std::vector<Step> entry;
    bool knows_word = true; ///< What L2 finds there is `new_word`, and not just something else.
};

Elsewhere elsewhere(NestedLevel level, L1Mode l1) {
    const std::uint8_t size = l1 == L1Mode::legacy ? 4 : 8;
    const Region pointers = l1 == L1Mode::pae ? Region::nested_pae_pdpt : Region::nested_pdpt;
    const std::uint64_t pointer_bits = l1 == L1Mode::pae ? world::present : world::table_bits;
    std::vector<Step> small{put(other_table, 0, in_region(other_page, entry_bits), size)};
    switch (level) {
    case NestedLevel::leaf_4k:
        return {{}, {nested_entry(l1, other_page, entry_bits)}};
    case NestedLevel::pd:
        return {small, {second_directory_entry(l1, in_region(other_table, world::table_bits))}};
    case NestedLevel::pdpt:
        small.emplace_back(put(other_directory, 0, in_region(other_table, world::table_bits)));
        return {small, {put(pointers, third_gigabyte, in_region(other_directory, pointer_bits))}};
    case NestedLevel::leaf_2m:
        return {{}, other_half(Region::nested_pd, third_gigabyte * 512, 21), false};
    case NestedLevel::leaf_4m:
        return {{}, other_half(Region::nested_legacy_pd, second_way_begin >> 22, 22), false};
    case NestedLevel::leaf_1g: // No second gigabyte need be there, so it becomes a directory.
        return {other_half(other_directory, 0, 21),
                {put(pointers, third_gigabyte, in_region(other_directory, pointer_bits))},
                false};
    case NestedLevel::pml4:
        break;
    }
    constexpr Region other_pointers = other_table;
    std::vector<Step> way = other_half(other_directory, 0, 21);
    way.emplace_back(put(other_pointers, 0, in_region(other_directory, world::table_bits)));
    return {std::move(way),
            {put(Region::nested_pml4, 1, in_region(other_pointers, world::table_bits))},
            false};
}

/// L2 reads the same address before and after.
void leads_elsewhere(Catalogue& catalogue, const L2Start& start, NestedLevel level,
                     const Flush& flush) {
    const Elsewhere other = elsewhere(level, start.l1);
    std::vector<Step> steps = join(second_way(level, start.l1), other.way);
    steps.emplace_back(put(other_page, l2_data_offset / 4, new_word, 4));
    steps.emplace_back(l2_register(Register::rdi, second_address(level, l2_data_offset)));
    ExitExpectation before = program_ends();
    before.registers = {{Register::rbx, old_word}};
    ExitExpectation behind = program_ends();
    behind.registers = {{Register::rbx, new_word}};
    if (!other.knows_word) {
        behind.registers = {{Register::rbx, {}, ~std::uint64_t{0}, Match::changed}};
    }
    const std::vector<Step> changes = join(other.entry, {l2_register(Register::rbx, old_word)});
    add_guest_case(
        catalogue,
        {.name = "npt/changed/" + std::string{name_of(level)} + "/other_page_" + flush.name,
         .title = "The entry leads to another page, and L2 reads that one.",
         .manual = "APM2 15.16",
         .needs = flush.needs | needs_of(level),
         .program = "raise_pf_read",
         .steps = std::move(steps),
         .exit = std::move(before),
         .then = join(changes, run_behind(flush, start.mode)),
         .then_expected = {std::move(behind)},
         .l1_modes = only(start.l1)},
        start);
}

void changed_levels(Catalogue& catalogue) {
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        for (const L2Mode mode : paged_modes) {
            for (const NestedLevel level : nested_levels(l1)) {
                if (level == NestedLevel::pml4 && !reaches_beyond_4g(mode)) {
                    continue;
                }
                for (const Flush& flush : flushes) {
                    leads_elsewhere(catalogue, {mode, 0, true, l1}, level, flush);
                }
                for (const Change& change : changes) {
                    const bool is_pae_pointer = level == NestedLevel::pdpt && l1 == L1Mode::pae;
                    const bool has_bit = l1 != L1Mode::legacy || change.set == 0;
                    // A PDPTE of PAE has none of the other bits.
                    if (!has_bit ||
                        (is_pae_pointer && change.reported != 6 && change.reported != 0)) {
                        continue;
                    }
                    for (const Flush& flush : flushes) {
                        changed(catalogue, {mode, 0, true, l1}, level, change, flush);
                    }
                }
            }
        }
    });
}

const Registration registration{changed_levels};

} // namespace
} // namespace vmrunit::cases
