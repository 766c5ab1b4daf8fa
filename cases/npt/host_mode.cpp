// SPDX-License-Identifier: GPL-2.0-only
// What of L1's own mode counts for its nested tables: EFER.NXE, without which the no-execute bit is
// reserved, and neither CR0.WP nor SMEP, SMAP and PKE. L1's own pages are the supervisor's,
// writable and without that bit, so that it can do with all of these. APM2 15.25.7.

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

constexpr NestedLevel level = NestedLevel::leaf_4k;

struct Row {
    std::string_view name; ///< Behind "npt/host_mode/".
    std::string_view title;
    L1Write mode;
    std::string_view program;
    /// Of the nested entry that L2's data is reached by.
    std::uint64_t set = 0;
    std::uint64_t cleared = 0;
    /// EXITINFO1; 0: L2 gets through.
    std::uint64_t reported = 0;
    svm::Features needs{};
};

void add(Catalogue& catalogue, const L2Start& start, const Row& row,
         const std::source_location& where = std::source_location::current()) {
    const bool fetches = row.program == "raise_pf_fetch";
    const Value address = second_address(level, l2_data_offset);
    std::vector<Step> steps = second_way(level, L1Mode::long64, row.set, row.cleared);
    steps.emplace_back(l2_register(Register::rdi, address));
    steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
    constexpr std::uint64_t vmmcall = 0x00d9'010f;
    steps.emplace_back(l2_data_bytes(0, 4, vmmcall));
    steps.emplace_back(row.mode);
    ExitExpectation exit;
    if (row.reported != 0) {
        exit.exit_code = svm::ExitCode::npf;
        exit.rip = fetches ? address : at_insn;
        exit.fields = {{field::exit_info_1, row.reported},
                       {field::exit_info_2, guest_physical(level, l2_data_offset)}};
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
                   {.name = "npt/host_mode/" + std::string{row.name},
                    .title = row.title,
                    .manual = "APM2 15.25.7",
                    .needs = row.needs,
                    .program = row.program,
                    .steps = std::move(steps),
                    .exit = std::move(exit),
                    .l1_modes = only_l1_long64},
                   start, where);
}

// L1 as the guest library sets it up (l1_baseline.hpp), but for one bit.
constexpr std::uint64_t l1_cr0 =
    svm::cr0::pe | svm::cr0::mp | svm::cr0::et | svm::cr0::ne | svm::cr0::wp | svm::cr0::pg;
constexpr std::uint64_t l1_cr4 = svm::cr4::pae | svm::cr4::osfxsr | svm::cr4::osxmmexcpt;
constexpr std::uint64_t l1_efer =
    svm::efer::svme | svm::efer::lme | svm::efer::lma | svm::efer::nxe;
constexpr L1Write without_wp{wire::L1Register::cr0, 0, l1_cr0 & ~svm::cr0::wp};
constexpr L1Write without_nx{wire::L1Register::msr, svm::msr::efer, l1_efer & ~svm::efer::nxe};
constexpr L1Write with_smep{wire::L1Register::cr4, 0, l1_cr4 | svm::cr4::smep};
constexpr L1Write with_smap{wire::L1Register::cr4, 0, l1_cr4 | svm::cr4::smap};
constexpr L1Write with_pke{wire::L1Register::cr4, 0, l1_cr4 | svm::cr4::pke};

// clang-format off
void host_mode(Catalogue& catalogue, const L2Start& start) {
    // Bits 0 to 4 of EXITINFO1, and 32: the final address. A fetch is told apart by EFER.NXE or
    // CR4.SMEP of L1.
    constexpr std::uint64_t final_address = std::uint64_t{1} << 32;
    const auto row = [&](const Row& one,
                         const std::source_location& where = std::source_location::current()) {
        add(catalogue, start, one, where);
    };
    row({"wp_clear/read_only", "A read-only entry stops writes, whatever CR0.WP of L1 says.",
         without_wp, "raise_pf_write", 0, world::writable, final_address | 7});
    row({"wp_clear/sound",     "The twin: a writable entry stops none.",
         without_wp, "raise_pf_write"});
    row({"nxe_clear/read",     "Without EFER.NXE of L1 bit 63 of a nested entry is reserved.",
         without_nx, "raise_pf_read",  no_execute, 0, final_address | 0xd});
    row({"nxe_clear/write",    "Without EFER.NXE of L1 bit 63 of a nested entry is reserved.",
         without_nx, "raise_pf_write", no_execute, 0, final_address | 0xf});
    row({"nxe_clear/fetch",    "Nor is a fetch told apart then.",
         without_nx, "raise_pf_fetch", no_execute, 0, final_address | 0xd});
    row({"nxe_clear/sound",    "The twin: an entry without it permits all.",
         without_nx, "raise_pf_fetch"});
    row({"smep/fetch",         "SMEP of L1 does not keep L2 from a page of the user.",
         with_smep, "raise_pf_fetch", 0, 0, 0, Feature::smep});
    row({"smep/no_execute",    "With it a fetch is told apart as well.",
         with_smep, "raise_pf_fetch", no_execute, 0, final_address | 0x15, Feature::smep});
    row({"smap/read",          "SMAP of L1 does not keep L2 from a page of the user.",
         with_smap, "raise_pf_read",  0, 0, 0, Feature::smap});
    row({"smap/write",         "SMAP of L1 does not keep L2 from a page of the user.",
         with_smap, "raise_pf_write", 0, 0, 0, Feature::smap});
}
// clang-format on

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
    for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
        ExitExpectation exit = program_ends();
        exit.fields = {{field::rax, 4}};
        exit.registers = {{Register::rbx, 0xd3d2'd1d0}, {Register::rcx, 0}, {Register::rdx, 0}};
        std::vector<Step> steps = second_way(level, L1Mode::long64, key_1);
        steps.emplace_back(l2_register(Register::rdi, second_address(level, l2_data_offset)));
        steps.emplace_back(vmcb_set(field::cr4, svm::cr4::pke));
        steps.emplace_back(with_pke);
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
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            host_mode(catalogue, {mode, cpl, true});
        }
    }
}

const Registration registration{host_modes};

} // namespace
} // namespace vmrunit::cases
