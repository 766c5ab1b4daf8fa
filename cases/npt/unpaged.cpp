// SPDX-License-Identifier: GPL-2.0-only
// Nested tables translate though L2 pages nothing itself, and in the modes of 16-bit code: DS leads
// L2 to a second way to memory, whose nested entry stops it or does not. APM2 15.25.5.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/nested_page.hpp"

#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

/// What EXITINFO1 reports of a read and of a write; 0: L2 gets through.
struct Entry {
    std::string_view name;
    std::uint64_t set, cleared;
    std::uint64_t of_read, of_write;
    bool needs_nx = false;
};
constexpr Entry entries[] = {
    {"sound", 0, 0, 0, 0},
    {"absent", 0, world::present, 4, 6},
    {"read_only", 0, world::writable, 0, 7},
    {"supervisor", 0, world::user, 5, 7},
    {"no_execute", no_execute, 0, 0, 0, true},
};

void row(Catalogue& catalogue, const L2Start& start, const Entry& entry, bool writes) {
    constexpr std::uint32_t word = 0x1111'1111;
    constexpr std::uint32_t data = 0xd3d2'd1d0;
    const std::uint64_t reported = writes ? entry.of_write : entry.of_read;
    ExitExpectation exit = program_ends();
    if (reported != 0) {
        exit.exit_code = svm::ExitCode::npf;
        exit.rip = at_insn;
        exit.fields = {{field::exit_info_1, final_address | reported},
                       {field::exit_info_2, second_way_begin + l2_data_offset}};
        exit.instruction_bytes = InstructionBytes::stored;
    } else if (writes) {
        exit.memory = {{Region::l2_memory, l2_data_offset, 4, word}};
    } else {
        exit.registers = {{Register::rbx, data}};
    }
    std::vector<Step> steps = second_way(NestedLevel::leaf_4k, start.l1, entry.set, entry.cleared);
    steps.emplace_back(vmcb_field(field::ds_base, second_way_begin));
    steps.emplace_back(l2_register(Register::rdi, l2_data_offset));
    steps.emplace_back(l2_register(Register::rbx, word));
    add_guest_case(
        catalogue,
        {.name = "npt/unpaged/" + std::string{entry.name} + (writes ? "/write" : "/read"),
         .title = "Nested entries count where L2 has none of its own.",
         .manual = "APM2 15.25.5",
         .program = writes ? "raise_pf_write" : "raise_pf_read",
         .steps = std::move(steps),
         .exit = std::move(exit),
         .l1_modes = only(start.l1)},
        start);
}

void unpaged(Catalogue& catalogue) {
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        for (const L2Mode mode : {L2Mode::real, L2Mode::paged_real, L2Mode::prot16}) {
            for (const Entry& entry : entries) {
                if (entry.needs_nx && l1 == L1Mode::legacy) {
                    continue;
                }
                for (const bool writes : {false, true}) {
                    row(catalogue, {mode, 0, true, l1}, entry, writes);
                }
            }
        }
    });
}

const Registration registration{unpaged};

} // namespace
} // namespace vmrunit::cases
