// SPDX-License-Identifier: GPL-2.0-only
// L2's own page tables behind nested ones: each access to them counts as a user's write, is
// reported with bit 33 and the address of the entry, and leaves A and D in the nested entries. What
// L2's own tables refuse comes before what the nested ones refuse of the final address. And nested
// tables that L1 changes between two runs. APM2 15.25.5, 15.25.6.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/nested_page.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <optional>
#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;

constexpr std::uint64_t second = second_way_begin;

Region root_of(L2Mode mode) {
    if (is_long_mode(mode)) {
        return Region::pml4;
    }
    return mode == L2Mode::pae ? Region::pae_pdpt : Region::legacy_pd;
}

Region second_table(L2Mode mode) {
    return is_long_mode(mode) ? Region::pdpt : Region::pd;
}

/// The first entry of L2's topmost table, by which it reaches its program, leads to `place`.
void add_second(Catalogue& catalogue, const L2Start& start, std::string_view name,
                std::string_view title, std::vector<Step> steps, Value place,
                const ExitExpectation& exit) {
    steps.emplace_back(
        Write{wire::Op::Code::write, root_of(start.mode), 0, 8,
              place | (is_long_mode(start.mode) ? world::table_bits : world::present)});
    add_guest_case(catalogue,
                   {.name = "npt/walk_second/" + std::string{name},
                    .title = title,
                    .manual = "APM2 15.25.6",
                    .steps = std::move(steps),
                    .exit = exit,
                    .l1_modes = only(start.l1)},
                   start);
}

/// And what of its nested entry counts besides, or does not.
void second_permitted(Catalogue& catalogue, const L2Start& start) {
    if (start.mode == L2Mode::prot32) {
        return;
    }
    const Region table = second_table(start.mode);
    const Value large = in_region(table, second);
    add_second(catalogue, start, "reserved",
               "A reserved bit on the way to the table below the topmost.",
               large_nested_page(start.l1, true), large,
               walk_fault(reserved_reported, large, ~std::uint64_t{0xfff}));
    add_second(catalogue, start, "large_sound", "The twin: by an entry without it L2 gets there.",
               large_nested_page(start.l1, false), large, program_ends());
    add_second(catalogue, start, "sound", "By an entry that permits everything L2 gets there.",
               nested_page(start.l1, table, entry_bits), second, program_ends());
    if (start.l1 != L1Mode::legacy) {
        add_second(catalogue, start, "no_execute", "L2's tables need not be executable.",
                   nested_page(start.l1, table, entry_bits | no_execute), second, program_ends());
    }
}

/// The page of L2's topmost table, then of the one below it, is the one that is refused.
void refused_walks(Catalogue& catalogue, L1Mode l1) {
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            const L2Start start{mode, cpl, true, l1};
            for (const Refusal& refusal : refusals) {
                std::vector<Step> root = nested_page(start.l1, root_of(mode), refusal.bits);
                root.emplace_back(vmcb_field(field::cr3, second));
                // Every program lies in the first entry of its topmost table.
                add_guest_case(catalogue,
                               {.name = "npt/walk_root/" + std::string{refusal.name},
                                .title = "The page of L2's topmost table is refused.",
                                .manual = "APM2 15.25.6",
                                .steps = root,
                                .exit = walk_fault(refusal.reported, second),
                                .l1_modes = only(l1)},
                               start);
                if (mode == L2Mode::prot32) {
                    continue;
                }
                add_second(catalogue, start, refusal.name,
                           "The page of the table below the topmost is refused.",
                           nested_page(start.l1, second_table(mode), refusal.bits), second,
                           walk_fault(refusal.reported, second, ~std::uint64_t{0xfff}));
            }
            second_permitted(catalogue, start);
            if (l1 == L1Mode::legacy) {
                continue; // No NX.
            }
            // Of an entry that leads to 2 MiB, bit 13 is part of no address.
            const Value table = in_region(root_of(mode), second);
            std::vector<Step> reserved = second_way(NestedLevel::leaf_2m, l1, 1 << 13);
            reserved.emplace_back(vmcb_field(field::cr3, table));
            add_guest_case(catalogue,
                           {.name = "npt/walk_root/reserved",
                            .title = "A reserved bit on the way to L2's topmost table.",
                            .manual = "APM2 15.25.6",
                            .steps = reserved,
                            .exit = walk_fault(reserved_reported, table),
                            .l1_modes = only(l1)},
                           start);
            std::vector<Step> sound = second_way(NestedLevel::leaf_2m, l1);
            sound.emplace_back(vmcb_field(field::cr3, table));
            add_guest_case(catalogue,
                           {.name = "npt/walk_root/sound",
                            .title = "The twin: by an entry without it L2 gets there.",
                            .manual = "APM2 15.25.6",
                            .steps = sound,
                            .exit = program_ends(),
                            .l1_modes = only(l1)},
                           start);
            // No more than that is asked of it: a walk does not fetch.
            std::vector<Step> not_executable =
                nested_page(start.l1, root_of(mode), entry_bits | no_execute);
            not_executable.emplace_back(vmcb_field(field::cr3, second));
            add_guest_case(catalogue,
                           {.name = "npt/walk_root/no_execute",
                            .title = "L2's tables need not be executable.",
                            .manual = "APM2 15.25.5",
                            .steps = not_executable,
                            .exit = program_ends(),
                            .l1_modes = only(l1)},
                           start);
        }
    }
}

/// A and D of a nested entry that has neither.
void accessed_and_dirty(Catalogue& catalogue, L1Mode l1) {
    constexpr std::uint64_t fresh = world::present | world::writable | world::user;
    const auto marks = [](std::uint64_t bits) {
        return std::vector<MemoryExpectation>{{Region::spare_vmcb, 0, 1, fresh | bits}};
    };
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            const L2Start start{mode, cpl, true, l1};
            const auto row = [&](std::string_view what, std::string_view title,
                                 std::string_view program, std::vector<Step> steps,
                                 ExitExpectation exit) {
                steps.emplace_back(l2_register(Register::rdi, second + l2_data_offset));
                steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
                add_guest_case(catalogue,
                               {.name = "npt/accessed_dirty/" + std::string{what},
                                .title = title,
                                .manual = "APM2 15.25.5",
                                .program = program,
                                .steps = std::move(steps),
                                .exit = std::move(exit),
                                .l1_modes = only(l1)},
                               start);
            };
            ExitExpectation read = program_ends();
            read.registers = {{Register::rbx, 0xd3d2'd1d0}};
            read.memory = marks(world::accessed);
            row("read", "A read sets A.", "raise_pf_read",
                nested_page(start.l1, Region::l2_memory, fresh), read);
            ExitExpectation written = program_ends();
            written.memory = marks(world::accessed | world::dirty);
            written.memory.push_back({Region::l2_memory, l2_data_offset, 4, 0x1111'1111});
            row("write", "A write sets A and D.", "raise_pf_write",
                nested_page(start.l1, Region::l2_memory, fresh), written);
            ExitExpectation walked = program_ends();
            walked.memory = marks(world::accessed | world::dirty);
            std::vector<Step> table = nested_page(start.l1, root_of(mode), fresh);
            table.emplace_back(vmcb_field(field::cr3, second));
            row("walk", "A walk of L2's tables sets A and D.", "nothing", table, walked);
            // A may be set speculatively, D may not.
            ExitExpectation untouched = program_ends();
            untouched.memory = {{Region::spare_vmcb, 0, 1, {}, world::accessed, Match::free}};
            row("unused", "Without a write D is not set.", "nothing",
                nested_page(start.l1, Region::l2_memory, fresh), untouched);
        }
    }
}

/// Page modification logging: what would set D of a nested entry is logged first, and exits where
/// the log is full, which an index beyond its 512 entries says. Where an entry goes and which index
/// comes next no source says for sure, so that they change is all that is judged (spec: NPT-PML).
void modification_log(Catalogue& catalogue, L1Mode l1) {
    constexpr std::uint64_t clean = world::table_bits;
    constexpr std::uint32_t last = 0x1ff;
    constexpr Region log = Region::legacy_pt; // Not in use.
    const auto row = [&](L2Mode mode, std::string_view what, std::string_view title, bool enabled,
                         std::uint64_t index, std::uint64_t bits, bool full) {
        GuestRow made{.name = "npt/modification_log/" + std::string{what},
                      .title = title,
                      .manual = "APM2 15.25",
                      .needs = svm::Feature::pml,
                      .program = "raise_pf_write",
                      .steps = nested_page(l1, Region::l2_memory, bits),
                      .exit = program_ends(),
                      .l1_modes = only(l1)};
        made.steps.insert(made.steps.end(),
                          {Write{wire::Op::Code::fill, log, 0, 0, page_size}, // and put back
                           vmcb_field(field::pml_base, in_region(log)),
                           vmcb_field(field::pml_index, index),
                           l2_register(Register::rdi, second + l2_data_offset),
                           l2_register(Register::rbx, 0x1111'1111)});
        if (enabled) {
            made.steps.emplace_back(
                vmcb_set(field::nested_control, svm::NestedControl::pml_enable.mask()));
        }
        if (full) {
            made.exit = {};
            made.exit.exit_code = svm::ExitCode::pml_full;
        } else {
            made.exit.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111},
                                {Region::spare_vmcb, 0, 1, clean | world::dirty}};
        }
        if (index <= last) {
            made.exit.fields.push_back({field::pml_index, {}, ~std::uint64_t{0}, Match::changed});
        }
        add_guest_case(catalogue, made, L2Start{mode, 0, true, l1});
    };
    for (const L2Mode mode : paged_modes) {
        row(mode, "full", "A write that cannot be logged exits, and is not done.", true, last + 1,
            clean, true);
        row(mode, "full_dirty", "Where D is set nothing has to be logged.", true, last + 1,
            clean | world::dirty, false);
        row(mode, "full_disabled", "Without the enable bit there is no log.", false, last + 1,
            clean, false);
        row(mode, "logged", "A write that sets D goes on, and the index with it.", true, last,
            clean, false);
    }
}

/// L2 reaches its memory by a table of 4 KiB pages of its own, whose entry has neither A nor D; the
/// table is the spare VMCB, at a guest physical address with a nested page for it alone.
std::vector<Step> own_entry(L2Mode mode, std::uint64_t nested_bits, std::uint64_t own_bits) {
    constexpr std::uint32_t third_gigabyte = 3;
    const auto put = [](Region page, std::uint32_t offset, std::uint8_t size, Value value) {
        return Write{wire::Op::Code::write, page, offset, size, value};
    };
    std::vector<Step> steps{
        put(Region::nested_pd, third_gigabyte * page_size, 8,
            in_region(Region::ivt, world::table_bits)),
        put(Region::ivt, 0, 8, in_region(Region::spare_vmcb, nested_bits)),
    };
    if (mode == L2Mode::prot32) {
        steps.emplace_back(put(Region::legacy_pd, third_gigabyte << 10, 4, second | entry_bits));
        steps.emplace_back(put(Region::spare_vmcb, 0, 4, in_region(Region::l2_memory, own_bits)));
        return steps;
    }
    const bool is_long = is_long_mode(mode);
    steps.emplace_back(put(is_long ? Region::pdpt : Region::pae_pdpt, third_gigabyte * 8, 8,
                           in_region(Region::idt16, is_long ? entry_bits : world::present)));
    steps.emplace_back(put(Region::idt16, 0, 8, second | entry_bits));
    steps.emplace_back(put(Region::spare_vmcb, 0, 8, in_region(Region::l2_memory, own_bits)));
    return steps;
}

/// A and D of L2's own entries go through the nested ones, and so must be permitted there.
void guest_accessed_and_dirty(Catalogue& catalogue) {
    constexpr std::uint64_t fresh = world::present | world::writable | world::user;
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            const auto row = [&](std::string_view what, std::string_view title,
                                 std::string_view program, std::uint64_t nested_bits,
                                 std::uint64_t own_bits, ExitExpectation exit) {
                std::vector<Step> steps = own_entry(mode, nested_bits, own_bits);
                // The first page of the third gigabyte, by L2's own tables.
                steps.emplace_back(l2_register(Register::rdi, second + l2_data_offset));
                steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
                add_guest_case(catalogue,
                               {.name = "npt/guest_accessed_dirty/" + std::string{what},
                                .title = title,
                                .manual = "APM2 15.25.5",
                                .program = program,
                                .steps = std::move(steps),
                                .exit = std::move(exit)},
                               {mode, cpl, true});
            };
            const auto marks = [](std::uint64_t bits) {
                return std::vector<MemoryExpectation>{{Region::spare_vmcb, 0, 1, fresh | bits}};
            };
            ExitExpectation read = program_ends();
            read.registers = {{Register::rbx, 0xd3d2'd1d0}};
            read.memory = marks(world::accessed);
            row("read", "A read sets A of L2's entry.", "raise_pf_read", entry_bits, fresh, read);
            ExitExpectation written = program_ends();
            written.memory = marks(world::accessed | world::dirty);
            written.memory.push_back({Region::l2_memory, l2_data_offset, 4, 0x1111'1111});
            row("write", "A write sets A and D of L2's entry.", "raise_pf_write", entry_bits, fresh,
                written);
            // Bit 33, and the address of the entry: it is the first of its table.
            ExitExpectation refused = walk_fault(7, second);
            refused.rip = at_insn;
            row("read_only", "Where the table cannot be written, it is a fault of the walk.",
                "raise_pf_read", entry_bits & ~world::writable, fresh, refused);
            row("read_only_marked", "So it is with A and D set: any walk is a write.",
                "raise_pf_read", entry_bits & ~world::writable, entry_bits, refused);
        }
    }
}

/// With nested paging each walk reads the PDPTEs of PAE, and a reserved bit there is L2's own
/// fault, as in an entry of any other level.
void bad_pdpte(Catalogue& catalogue) {
    constexpr std::uint32_t third_gigabyte = 3;
    for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
        // Address bits begin at 12; from 52 on none is defined, for there is no NX here.
        for (const unsigned bit :
             {1u, 2u, 5u, 6u, 7u, 8u, 52u, 53u, 54u, 55u, 56u, 57u, 58u, 59u, 60u, 61u, 62u, 63u}) {
            const L2Start start{L2Mode::pae, cpl, true};
            ExitExpectation exit =
                delivered(start, {.vector = 14, .error_code = cpl == 3 ? 0xdu : 0x9u});
            exit.fields.push_back({field::cr2, second});
            add_guest_case(catalogue,
                           {.name = "npt/bad_pdpte/bit_" + std::to_string(bit),
                            .title = "A PDPTE with a reserved bit is a page fault of L2's.",
                            .manual = "APM2 5.2.3, 15.25.10",
                            .program = "raise_pf_read",
                            .steps = {Write{wire::Op::Code::set_bits, Region::pae_pdpt,
                                            third_gigabyte * 8, 8, std::uint64_t{1} << bit},
                                      l2_register(Register::rdi, second)},
                            .exit = std::move(exit)},
                           start);
        }
    }
}

/// A fault of L2's own tables is L2's, though the nested ones map nothing there either.
void guest_fault_first(Catalogue& catalogue, L1Mode l1) {
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            const L2Start start{mode, cpl, true, l1};
            std::vector<Step> steps =
                join(spare_page_absent(),
                     {second_directory_entry(l1, 0), l2_register(Register::rdi, second)});
            ExitExpectation exit =
                delivered(start, {.vector = 14, .error_code = cpl == 3 ? 4u : 0u});
            exit.fields.push_back({field::cr2, second});
            add_guest_case(catalogue,
                           {.name = "npt/order/guest_fault_first",
                            .title = "L2's own #PF comes before the nested page fault.",
                            .manual = "APM2 15.25.6",
                            .program = "raise_pf_read",
                            .steps = std::move(steps),
                            .exit = std::move(exit),
                            .l1_modes = only(l1)},
                           start);
        }
    }
}

/// L1 changes a nested entry between two runs.
void changed_between_runs(Catalogue& catalogue, L1Mode l1) {
    struct Change {
        std::string_view name;
        std::string_view title;
        std::uint64_t first_bits, second_bits;
        std::vector<Step> flush;
        svm::Features needs{};
    };
    const std::uint64_t read_only = entry_bits & ~world::writable;
    const std::uint64_t absent = entry_bits & ~world::present;
    const Step all = vmcb_field(field::tlb_control, 1);
    const Step other_asid = vmcb_field(field::guest_asid, 2);
    const Change changes[] = {
        {"absent_flush_all",
         "A page that is taken away, with all translations dropped.",
         entry_bits,
         absent,
         {all}},
        {"absent_other_asid",
         "A page that is taken away, for an ASID that never saw it.",
         entry_bits,
         absent,
         {other_asid}},
        {"absent_flush_asid",
         "A page that is taken away, with this ASID's translations dropped.",
         entry_bits,
         absent,
         {vmcb_field(field::tlb_control, 3)},
         Feature::flush_by_asid},
        {"read_only_flush_all",
         "A page that becomes read-only, with all translations dropped.",
         entry_bits,
         read_only,
         {all}},
        {"read_only_other_asid",
         "A page that becomes read-only, for another ASID.",
         entry_bits,
         read_only,
         {other_asid}},
        // What was refused is not kept: no flush is needed to give it.
        {"present", "A page that is given needs no flush.", absent, entry_bits, {}},
        {"present_flush_all",
         "A page that is given, with a flush that nobody needs.",
         absent,
         entry_bits,
         {all}},
        {"writable", "A page that becomes writable.", read_only, entry_bits, {all}},
    };
    for (const L2Mode mode : paged_modes) {
        const L2Start start{mode, 0, true, l1};
        for (const Change& change : changes) {
            const auto outcome = [&](std::uint64_t bits) {
                if (bits == entry_bits) {
                    ExitExpectation exit = program_ends();
                    exit.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
                    return exit;
                }
                ExitExpectation exit;
                exit.exit_code = ExitCode::npf;
                exit.fields = {{field::exit_info_1, final_address | (bits == read_only ? 7u : 6u)},
                               {field::exit_info_2, second + l2_data_offset}};
                return exit;
            };
            std::vector<Step> steps = nested_page(start.l1, Region::l2_memory, change.first_bits);
            steps.emplace_back(l2_register(Register::rdi, second + l2_data_offset));
            steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
            std::vector<Step> then{nested_entry(l1, Region::l2_memory, change.second_bits),
                                   vmcb_field(field::tlb_control, 0)};
            then.insert(then.end(), change.flush.begin(), change.flush.end());
            then.emplace_back(Run{});
            add_guest_case(catalogue,
                           {.name = "npt/changed/" + std::string{change.name},
                            .title = change.title,
                            .manual = "APM2 15.16",
                            .needs = change.needs,
                            .program = "raise_pf_write",
                            .steps = std::move(steps),
                            .exit = outcome(change.first_bits),
                            .then = std::move(then),
                            .then_expected = {outcome(change.second_bits)},
                            .l1_modes = only(l1)},
                           start);
        }
    }
}

void table_walks(Catalogue& catalogue) {
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        refused_walks(catalogue, l1);
        accessed_and_dirty(catalogue, l1);
        modification_log(catalogue, l1);
        guest_fault_first(catalogue, l1);
        changed_between_runs(catalogue, l1);
    });
    guest_accessed_and_dirty(catalogue);
    bad_pdpte(catalogue);
}

const Registration registration{table_walks};

} // namespace
} // namespace vmrunit::cases
