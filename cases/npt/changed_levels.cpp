// SPDX-License-Identifier: GPL-2.0-only
// L1 changes a nested entry of any level or page size between two VMRUNs, and drops the
// translations by any of the ways that there are. For that of 4 KiB pages see table_walks.cpp too.
// APM2 15.16, 15.25.5.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/nested_page.hpp"

#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

struct Flush {
    std::string name;
    Step step;
    svm::Features needs{};
};

const Flush flushes[] = {
    {"flush_all", vmcb_field(field::tlb_control, 1)},
    {"flush_asid", vmcb_field(field::tlb_control, 3), Feature::flush_by_asid},
    // Nothing here is global.
    {"flush_not_global", vmcb_field(field::tlb_control, 7), Feature::flush_by_asid},
    // The first VMRUN dropped what other cases had by it.
    {"other_asid", vmcb_field(field::guest_asid, 2)},
};

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
    std::vector<Step> then = second_way(level, start.l1, change.set, change.cleared);
    then.emplace_back(vmcb_field(field::rip, at_start));
    then.emplace_back(vmcb_field(field::tlb_control, 0));
    then.emplace_back(flush.step);
    then.emplace_back(Run{});
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
         .then = std::move(then),
         .then_expected = {change.reported == 0
                               ? permitted(fetches, address)
                               : stopped(fetches, address, guest_physical(level, l2_data_offset),
                                         change.reported)},
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
