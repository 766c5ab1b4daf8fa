// SPDX-License-Identifier: GPL-2.0-only
// What L2's own CR0.WP, CR4.SMEP, CR4.SMAP and EFER.NXE are to nested entries: nothing. Nested
// accesses are a user's, so that each page is one that SMEP and SMAP would keep the supervisor
// from; read-only stops any write; and the NX that counts is that of L1's EFER. L2's own tables
// permit the access in each of these settings, or there are none. APM2 15.25.5, 15.25.7.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/nested_page.hpp"
#include "cases/paging/own_tables.hpp"
#include "cases/paging/setting.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

/// What the nested entry is like, and P, RW, US of EXITINFO1 by a read, a write and a fetch; 0: L2
/// gets through.
struct Entry {
    std::string_view name;
    std::uint64_t set = 0;
    std::uint64_t cleared = 0;
    std::uint64_t reported[3] = {};
    bool needs_nx = false;
};

struct Access {
    std::string_view name;
    std::string_view program;
};
constexpr Access accesses[] = {
    {"read", "raise_pf_read"}, {"write", "raise_pf_write"}, {"fetch", "raise_pf_fetch"}};

const Entry entries[] = {
    {"sound"},
    {"absent", 0, world::present, {4, 6, 0x14}},
    {"read_only", 0, world::writable, {0, 7, 0}},
    {"supervisor", 0, world::user, {5, 7, 0x15}},
    {"no_execute", no_execute, 0, {0, 0, 0x15}, true},
};

/// The large pages by which L2 reaches the second way are the supervisor's in its own tables.
std::vector<Step> supervisor_second_way(L2Mode mode) {
    constexpr unsigned payload_pages = 16;
    const bool is_legacy = mode == L2Mode::prot32;
    const std::uint8_t size = is_legacy ? 4 : 8;
    const auto first = static_cast<std::uint32_t>(second_way_begin >> (is_legacy ? 22 : 21));
    std::vector<Step> steps;
    for (unsigned page = 0; page < (is_legacy ? payload_pages / 2 : payload_pages); ++page) {
        steps.emplace_back(Write{wire::Op::Code::clear_bits,
                                 is_legacy ? Region::legacy_pd : Region::pd, (first + page) * size,
                                 size, world::user});
    }
    return steps;
}

ExitExpectation outcome(const Entry& entry, unsigned access, const L2Start& start) {
    const bool fetches = access == 2;
    const Value address = second_way_begin + l2_data_offset;
    constexpr std::uint64_t vmmcall = 0x00d9'010f; ///< L2's data.
    ExitExpectation exit = program_ends();
    if (entry.reported[access] != 0) {
        constexpr std::uint64_t fetch = 0x10;
        // Without PAE there is no NX, and the bit of a fetch is not defined (APM2 8.4.2).
        const std::uint64_t undefined = start.l1 == L1Mode::legacy ? fetch : 0;
        exit.exit_code = svm::ExitCode::npf;
        exit.rip = fetches ? address : at_insn;
        exit.fields = {{field::exit_info_1, final_address | entry.reported[access], ~undefined},
                       {field::exit_info_2, second_way_begin + l2_data_offset}};
        if (undefined != 0) {
            exit.fields.push_back({field::exit_info_1, {}, undefined, Match::free});
        }
        exit.instruction_bytes = fetches ? InstructionBytes::none : InstructionBytes::stored;
    } else if (fetches) {
        exit.rip = address;
        exit.next_rip = second_way_begin + l2_data_offset + 3;
    } else if (access == 1) {
        exit.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
    } else {
        exit.registers = {{Register::rbx, vmmcall}};
    }
    return exit;
}

void guest_mode(Catalogue& catalogue, const L2Start& start, const Setting& setting) {
    for (const Entry& entry : entries) {
        if (entry.needs_nx && start.l1 == L1Mode::legacy) {
            continue;
        }
        for (unsigned access = 0; access < 3; ++access) {
            std::vector<Step> steps =
                second_way(NestedLevel::leaf_4k, start.l1, entry.set, entry.cleared);
            steps = join(std::move(steps), steps_of(setting, start));
            // What L2 reaches must be its own as far as its own tables go.
            if (start.cpl == 0 && (setting.smep || setting.smap)) {
                steps = join(std::move(steps), supervisor_second_way(start.mode));
            }
            steps.emplace_back(l2_register(Register::rdi, second_way_begin + l2_data_offset));
            steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
            steps.emplace_back(l2_data_bytes(0, 4, 0x00d9'010f));
            add_guest_case(catalogue,
                           {.name = "npt/guest_mode/" + std::string{setting.name} + "/" +
                                    std::string{entry.name} + "/" +
                                    std::string{accesses[access].name},
                            .title = "The nested entry says it alone, whatever mode L2 is in.",
                            .manual = "APM2 15.25.7",
                            .needs = needs_for(setting),
                            .program = accesses[access].program,
                            .steps = std::move(steps),
                            .exit = outcome(entry, access, start),
                            .l1_modes = only(start.l1)},
                           start);
        }
    }
}

/// Where L2 pages nothing itself, and in the other modes of 16-bit code, nested entries count all
/// the same: DS leads to them.
void without_own_paging(Catalogue& catalogue, const L2Start& start) {
    for (const Entry& entry : entries) {
        if (entry.needs_nx && start.l1 == L1Mode::legacy) {
            continue;
        }
        for (unsigned access = 0; access < 2; ++access) { // A fetch does not go by DS.
            std::vector<Step> steps =
                second_way(NestedLevel::leaf_4k, start.l1, entry.set, entry.cleared);
            steps.emplace_back(vmcb_field(field::ds_base, second_way_begin));
            steps.emplace_back(l2_register(Register::rdi, l2_data_offset));
            steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
            steps.emplace_back(l2_data_bytes(0, 4, 0x00d9'010f));
            add_guest_case(catalogue,
                           {.name = "npt/unpaged/" + std::string{entry.name} + "/" +
                                    std::string{accesses[access].name},
                            .title = "Nested entries count where L2 has none of its own.",
                            .manual = "APM2 15.25.5",
                            .program = accesses[access].program,
                            .steps = std::move(steps),
                            .exit = outcome(entry, access, start),
                            .l1_modes = only(start.l1)},
                           start);
        }
    }
}

void guest_modes(Catalogue& catalogue) {
    const Setting settings[] = {
        {.name = "wp_clear", .wp = false},
        {.name = "smep", .smep = true},
        {.name = "smap", .smap = true},
        {.name = "nxe_clear", .nxe = false},
        {.name = "smep_smap_wp_nxe_clear", .wp = false, .smep = true, .smap = true, .nxe = false}};
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        for (const L2Mode mode : {L2Mode::real, L2Mode::paged_real, L2Mode::prot16}) {
            without_own_paging(catalogue, {mode, 0, true, l1});
        }
        for (const L2Mode mode : paged_modes) {
            for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
                for (const Setting& setting : settings) {
                    guest_mode(catalogue, {mode, cpl, true, l1}, setting);
                }
            }
        }
    });
}

const Registration registration{guest_modes};

} // namespace
} // namespace vmrunit::cases
