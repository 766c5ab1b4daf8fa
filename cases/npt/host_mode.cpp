// SPDX-License-Identifier: GPL-2.0-only
// What of L1's own mode counts for its nested tables: EFER.NXE, without which the no-execute bit is
// reserved, and neither CR0.WP nor SMEP, SMAP and PKE. L1's own pages are the supervisor's,
// writable and without that bit, so that it can do with all of these. Tables of two levels have no
// such bit; what EFER.NXE and SMEP still say there is whether a fetch is told apart. APM2 15.25.7.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/npt/second_way.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

/// Bits 0 to 4 of EXITINFO1, and 32 or 33: of the final address, or of a walk of L2's tables.
constexpr std::uint64_t final_address = std::uint64_t{1} << 32;
constexpr std::uint64_t in_tables = std::uint64_t{2} << 32;

// L1 as the guest library sets it up (l1_baseline.hpp), but for one bit.
constexpr std::uint64_t l1_cr0 =
    svm::cr0::pe | svm::cr0::mp | svm::cr0::et | svm::cr0::ne | svm::cr0::wp | svm::cr0::pg;

constexpr std::uint64_t l1_cr4(L1Mode l1) {
    return (l1 == L1Mode::legacy ? svm::cr4::pse : svm::cr4::pae) | svm::cr4::osfxsr |
           svm::cr4::osxmmexcpt;
}

constexpr std::uint64_t l1_efer(L1Mode l1) {
    return svm::efer::svme | svm::efer::nxe |
           (l1 == L1Mode::long64 ? svm::efer::lme | svm::efer::lma : 0);
}

constexpr L1Write without_wp{wire::L1Register::cr0, 0, l1_cr0 & ~svm::cr0::wp};
constexpr L1Write without_nx(L1Mode l1) {
    return {wire::L1Register::msr, svm::msr::efer, l1_efer(l1) & ~svm::efer::nxe};
}
constexpr L1Write with_cr4(L1Mode l1, std::uint64_t bits) {
    return {wire::L1Register::cr4, 0, l1_cr4(l1) | bits};
}

struct Row {
    std::string name; ///< Behind "npt/host_mode/".
    std::string_view title;
    L1Write mode;
    std::string_view program;
    /// Of the nested entry that L2's data is reached by.
    std::uint64_t set = 0;
    std::uint64_t cleared = 0;
    /// EXITINFO1; 0: L2 gets through.
    std::uint64_t reported = 0;
    svm::Features needs{};
    NestedLevel level = NestedLevel::leaf_4k;
    bool without_nx = false; ///< Besides `mode`.
};

void add(Catalogue& catalogue, const L2Start& start, const Row& row,
         const std::source_location& where = std::source_location::current()) {
    const bool fetches = row.program == "raise_pf_fetch";
    const Value address = second_address(row.level, l2_data_offset);
    std::vector<Step> steps = second_way(row.level, start.l1, row.set, row.cleared);
    steps.emplace_back(l2_register(Register::rdi, address));
    steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
    constexpr std::uint64_t vmmcall = 0x00d9'010f;
    steps.emplace_back(l2_data_bytes(0, 4, vmmcall));
    steps.emplace_back(row.mode);
    if (row.without_nx) {
        steps.emplace_back(without_nx(start.l1));
    }
    ExitExpectation exit;
    if (row.reported != 0) {
        exit.exit_code = svm::ExitCode::npf;
        exit.rip = fetches ? address : at_insn;
        exit.fields = {{field::exit_info_1, row.reported},
                       {field::exit_info_2, guest_physical(row.level, l2_data_offset)}};
        exit.instruction_bytes = fetches ? InstructionBytes::none : InstructionBytes::stored;
    } else if (fetches) {
        exit.rip = address;
        exit.next_rip = Value{address.anchor, address.part, address.number + 3};
    } else {
        exit = program_ends();
        if (row.program == "raise_pf_read") {
            exit.registers = {{Register::rbx, vmmcall}};
        } else {
            exit.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
        }
    }
    add_guest_case(catalogue,
                   {.name = "npt/host_mode/" + row.name,
                    .title = row.title,
                    .manual = "APM2 15.25.7",
                    .needs = row.needs | needs_of(row.level),
                    .program = row.program,
                    .steps = std::move(steps),
                    .exit = std::move(exit),
                    .l1_modes = only(start.l1)},
                   start, where);
}

// clang-format off
void write_protection(Catalogue& catalogue, const L2Start& start) {
    add(catalogue, start, {"wp_clear/read_only", "A read-only entry stops writes, whatever CR0.WP of L1 says.",
         without_wp, "raise_pf_write", 0, world::writable, final_address | 7});
    add(catalogue, start, {"wp_clear/sound",     "The twin: a writable entry stops none.",
         without_wp, "raise_pf_write"});
}

/// A fetch is told apart by EFER.NXE or CR4.SMEP of L1, if it has either.
void fetches(Catalogue& catalogue, const L2Start& start) {
    const L1Write without = without_nx(start.l1);
    const L1Write with_smep = with_cr4(start.l1, svm::cr4::smep);
    add(catalogue, start, {"nxe_clear/sound", "The twin: an entry without it permits all.",
         without, "raise_pf_fetch"});
    add(catalogue, start, {"nxe_clear/absent", "Without EFER.NXE and SMEP of L1 a fetch is not told apart.",
         without, "raise_pf_fetch", 0, world::present, final_address | 4});
    add(catalogue, start, {"smep/fetch",      "SMEP of L1 does not keep L2 from a page of the user.",
         with_smep, "raise_pf_fetch", 0, 0, 0, Feature::smep});
    add(catalogue, start, {"smep/absent",     "With SMEP a fetch is told apart, without EFER.NXE, too.",
         with_smep, "raise_pf_fetch", 0, world::present, final_address | 0x14, Feature::smep,
         NestedLevel::leaf_4k, true});
    add(catalogue, start, {"smap/read",       "SMAP of L1 does not keep L2 from a page of the user.",
         with_cr4(start.l1, svm::cr4::smap), "raise_pf_read",  0, 0, 0, Feature::smap});
    add(catalogue, start, {"smap/write",      "SMAP of L1 does not keep L2 from a page of the user.",
         with_cr4(start.l1, svm::cr4::smap), "raise_pf_write", 0, 0, 0, Feature::smap});
}

/// In entries of eight bytes.
void no_execute_bit(Catalogue& catalogue, const L2Start& start) {
    const L1Write without = without_nx(start.l1);
    const L1Write with_smep = with_cr4(start.l1, svm::cr4::smep);
    add(catalogue, start, {"nxe_clear/read",  "Without EFER.NXE of L1 bit 63 of a nested entry is reserved.",
         without, "raise_pf_read",  no_execute, 0, final_address | 0xd});
    add(catalogue, start, {"nxe_clear/write", "Without EFER.NXE of L1 bit 63 of a nested entry is reserved.",
         without, "raise_pf_write", no_execute, 0, final_address | 0xf});
    add(catalogue, start, {"nxe_clear/fetch", "Nor is a fetch told apart then.",
         without, "raise_pf_fetch", no_execute, 0, final_address | 0xd});
    add(catalogue, start, {"smep/no_execute", "With SMEP a fetch is told apart as well.",
         with_smep, "raise_pf_fetch", no_execute, 0, final_address | 0x15, Feature::smep});
}
// clang-format on

/// The same on the other levels, each with an entry that has the bit and one that has not.
void no_execute_levels(Catalogue& catalogue, const L2Start& start) {
    struct Access {
        std::string name;
        std::string_view program;
        std::uint64_t reported;
    };
    const L1Write without = without_nx(start.l1);
    for (const NestedLevel level : nested_levels(start.l1)) {
        const bool is_beyond = level == NestedLevel::pml4 && !reaches_beyond_4g(start.mode);
        // Which bits of a nested PDPTE of PAE are reserved no source says.
        const bool has_no_bit = level == NestedLevel::pdpt && start.l1 == L1Mode::pae;
        if (level == NestedLevel::leaf_4k || is_beyond || has_no_bit) {
            continue;
        }
        for (const Access& access :
             {Access{"read", "raise_pf_read", 0xd}, Access{"write", "raise_pf_write", 0xf},
              Access{"fetch", "raise_pf_fetch", 0xd}}) {
            const std::string name = "nxe_clear/" + std::string{name_of(level)} + "/";
            add(catalogue, start,
                {name + access.name,
                 "Without EFER.NXE of L1 bit 63 is reserved on each level.",
                 without,
                 access.program,
                 no_execute,
                 0,
                 final_address | access.reported,
                 {},
                 level});
            add(catalogue, start,
                {name + access.name + "_sound",
                 "The twin: an entry without it permits all.",
                 without,
                 access.program,
                 0,
                 0,
                 0,
                 {},
                 level});
        }
    }
}

/// L2's topmost table by a nested page of its own, the first of the second way.
void walks_with_nx_reserved(Catalogue& catalogue, const L2Start& start) {
    const Region root = is_long_mode(start.mode)    ? Region::pml4
                        : start.mode == L2Mode::pae ? Region::pae_pdpt
                                                    : Region::legacy_pd;
    const auto row = [&](std::string_view name, std::string_view title, std::uint64_t bits,
                         ExitExpectation exit,
                         const std::source_location& where = std::source_location::current()) {
        std::vector<Step> steps = second_way(NestedLevel::leaf_4k, start.l1);
        steps.emplace_back(Write{wire::Op::Code::write, Region::spare_vmcb, 0, 8,
                                 in_region(root, world::table_bits | world::dirty | bits)});
        steps.emplace_back(vmcb_field(field::cr3, second_way_begin));
        steps.emplace_back(without_nx(start.l1));
        add_guest_case(catalogue,
                       {.name = "npt/host_mode/nxe_clear/" + std::string{name},
                        .title = title,
                        .manual = "APM2 15.25.7",
                        .steps = std::move(steps),
                        .exit = std::move(exit),
                        .l1_modes = only(start.l1)},
                       start, where);
    };
    ExitExpectation refused;
    refused.exit_code = svm::ExitCode::npf;
    refused.rip = at_start;
    refused.fields = {{field::exit_info_1, in_tables | 0xf},
                      {field::exit_info_2, Value{second_way_begin}}};
    row("walk", "The bit is reserved for a walk of L2's tables, too.", no_execute, refused);
    row("walk_sound", "The twin: without it L2 gets there.", 0, program_ends());
}

/// What L1's EFER says of nested entries, L2's own says of L2's: the bit of its own entry stops a
/// fetch, and nothing else. The entry is that of the page directory for the third gigabyte.
void own_no_execute(Catalogue& catalogue, const L2Start& start) {
    if (start.mode == L2Mode::prot32) {
        return; // Tables of two levels have none.
    }
    for (const bool fetches : {false, true}) {
        const std::uint64_t leaf = second_way_begin | world::leaf_bits | no_execute;
        const Value address = in_region(Region::l2_memory, second_way_begin + l2_data_offset);
        std::vector<Step> steps;
        constexpr std::uint32_t third_gigabyte = 3;
        constexpr std::uint64_t large_pages = 16; // In which the payload lies.
        for (std::uint64_t page = 0; page < large_pages; ++page) {
            steps.emplace_back(Write{wire::Op::Code::write, Region::pd,
                                     static_cast<std::uint32_t>((third_gigabyte * 512 + page) * 8),
                                     8, page << 21 | (leaf & ~second_way_begin)});
        }
        steps.emplace_back(l2_register(Register::rdi, address));
        steps.emplace_back(without_nx(start.l1));
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, 0xd3d2'd1d0}};
        if (fetches) {
            const std::uint32_t error = start.cpl == 3 ? 0x15 : 0x11;
            exit = delivered(start, {.vector = 14, .error_code = error, .return_rip = address});
            exit.fields.push_back({field::cr2, address});
        }
        add_guest_case(catalogue,
                       {.name = "npt/host_mode/nxe_clear/own_no_execute/" +
                                std::string{fetches ? "fetch" : "read"},
                        .title = "EFER.NXE of L2 makes the bit count in L2's own entries.",
                        .manual = "APM2 15.25.7",
                        .program = fetches ? "raise_pf_fetch" : "raise_pf_read",
                        .steps = std::move(steps),
                        .exit = std::move(exit),
                        .l1_modes = only(start.l1)},
                       start);
    }
}

/// One more table above the usual ones, in a page that only real mode uses.
void five_levels(Catalogue& catalogue) {
    CallExpectation seen;
    seen.values = {reported("CR4.LA57 of L1", 1),
                   reported("exit code", static_cast<std::uint64_t>(svm::ExitCode::vmmcall)),
                   {at_marker, ~std::uint64_t{0}, Match::equals, "saved RIP"}};
    add_l1_case(catalogue,
                {.name = "npt/host_mode/five_levels",
                 .title = "Nested tables have five levels where L1's have.",
                 .manual = "APM2 15.25.3",
                 .needs = Feature::la57,
                 .nested_paging = true,
                 .steps = {Write{wire::Op::Code::fill, Region::ivt, 0, 0, page_size},
                           Write{wire::Op::Code::write, Region::ivt, 0, 8,
                                 in_region(Region::nested_pml4, world::table_bits)},
                           vmcb_field(field::n_cr3, in_region(Region::ivt)),
                           vmcb_field(field::rip, at_start), Call{"vmrun_with_five_levels"}},
                 .expectations = {seen}});
}

/// L2 and L1 share PKRU, by which the program closes key 1; the nested entry has that key, L2's own
/// has not.
void protection_keys(Catalogue& catalogue) {
    constexpr std::uint64_t key_1 = std::uint64_t{1} << 59;
    constexpr NestedLevel level = NestedLevel::leaf_4k;
    for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
        ExitExpectation exit = program_ends();
        exit.fields = {{field::rax, 4}};
        exit.registers = {{Register::rbx, 0xd3d2'd1d0}, {Register::rcx, 0}, {Register::rdx, 0}};
        std::vector<Step> steps = second_way(level, L1Mode::long64, key_1);
        steps.emplace_back(l2_register(Register::rdi, second_address(level, l2_data_offset)));
        steps.emplace_back(vmcb_set(field::cr4, svm::cr4::pke));
        steps.emplace_back(with_cr4(L1Mode::long64, svm::cr4::pke));
        add_guest_case(catalogue,
                       {.name = "npt/host_mode/pke/read",
                        .title = "Nested entries have no protection key.",
                        .manual = "APM2 15.25.7",
                        .needs = Feature::pku,
                        .program = "raise_pf_read_key",
                        .steps = std::move(steps),
                        .exit = std::move(exit),
                        .l1_modes = only_l1_long64},
                       {L2Mode::long64, cpl, true});
    }
}

void host_modes(Catalogue& catalogue) {
    five_levels(catalogue);
    protection_keys(catalogue);
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        for (const L2Mode mode : paged_modes) {
            for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
                const L2Start start{mode, cpl, true, l1};
                write_protection(catalogue, start);
                fetches(catalogue, start);
                if (l1 != L1Mode::legacy) {
                    no_execute_bit(catalogue, start);
                    no_execute_levels(catalogue, start);
                    walks_with_nx_reserved(catalogue, start);
                }
                own_no_execute(catalogue, start);
            }
        }
    });
}

const Registration registration{host_modes};

} // namespace
} // namespace vmrunit::cases
