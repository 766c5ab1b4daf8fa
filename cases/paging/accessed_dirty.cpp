// SPDX-License-Identifier: GPL-2.0-only
// A and D of L2's own entries, and of nested ones (those of 4 KiB pages: npt/table_walks.cpp): an
// access sets A on its way, a write D of the entry that leads to the page, and nothing sets either
// where nobody goes. A hypervisor that shadows L2's tables has to write them itself. APM2 5.4.2,
// 15.25.5.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/paging/unmarked_ways.hpp"

#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

void add(Catalogue& catalogue, const std::string& area, const Way& way, const L2Start& start) {
    const auto row = [&](std::string_view what, std::string_view title, std::string_view program,
                         ExitExpectation exit, std::uint64_t set) {
        if (set != 0) {
            exit.memory.push_back(entry_has(way, set));
        }
        std::vector<Step> steps = way.steps;
        steps.emplace_back(l2_register(Register::rdi, way.address));
        steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
        add_guest_case(catalogue,
                       {.name = area + "/accessed_dirty/" + std::string{name_of(way.level)} + "_" +
                                std::string{what},
                        .title = title,
                        .manual = area == "npt" ? "APM2 15.25.5" : "APM2 5.4.2",
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
    // A may be set speculatively, D may not (APM2 5.4.2, 5.5.3).
    ExitExpectation unused = program_ends();
    unused.memory = {{way.entry.region, way.entry.offset, 1, {}, world::accessed, Match::free}};
    row("unused", "Without a write D is not set.", "nothing", unused, 0);
}

void accessed_dirty(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            for (const bool nested_paging : {true, false}) {
                const L2Start start{mode, cpl, nested_paging, L1Mode::long64};
                for (const Way& way : own_ways(mode)) {
                    add(catalogue, "paging", way, start);
                }
            }
            for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae, L1Mode::legacy}) {
                for (const Way& way : nested_ways(l1, mode)) {
                    add(catalogue, "npt", way, {mode, cpl, true, l1});
                }
            }
        }
    }
}

const Registration registration{accessed_dirty};

} // namespace
} // namespace vmrunit::cases
