// SPDX-License-Identifier: GPL-2.0-only
// The bytes of an instruction that a fault of its data access stores, where the instruction is the
// last of its page or of its code segment: fetching ends where the next page faults or the segment
// does, and there are fewer than fifteen. Nested page faults and intercepted page faults alike.
// APM2 15.8.4.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/page_end.hpp"
#include "cases/model/segment_end.hpp"

#include "harness/svm/exit_code.hpp"
#include "harness/world.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

/// What the instruction accesses and no table maps: away from the pages that its code is in.
constexpr std::uint32_t absent_data = 0xd000'0000;
/// The same that 16-bit code can reach.
constexpr std::uint32_t absent_low_data = 0xf000;

constexpr std::uint64_t by_write = 2;
constexpr std::uint64_t by_user = 4;
constexpr std::uint64_t final_address = std::uint64_t{1} << 32;

struct Access {
    std::string_view name, program;
    std::uint64_t error_code;
};
constexpr std::array accesses{Access{"read", "raise_pf_read", 0},
                              Access{"write", "raise_pf_write", by_write}};

/// The entry that maps the data, in tables of either form.
Write without(Region wide, Region narrow, bool is_wide) {
    constexpr std::uint32_t wide_entry = (absent_data >> 21) * 8;
    constexpr std::uint32_t narrow_entry = (absent_data >> 22) * 4;
    return {wire::Op::Code::clear_bits, is_wide ? wide : narrow,
            is_wide ? wide_entry : narrow_entry, 1, world::present};
}
Write without_in_l2(L2Mode mode) {
    return without(Region::pd, Region::legacy_pd, is_long_mode(mode) || mode == L2Mode::pae);
}
Write without_in_l1(L1Mode mode) {
    return without(Region::nested_pd, Region::nested_legacy_pd, mode != L1Mode::legacy);
}

/// Where the instruction lies.
struct Place {
    std::string name;
    CodeCopy code;
    std::vector<Step> steps;
    InstructionBytes bytes;
};

GuestRow row_of(const std::string& what, const Place& place, const Access& access,
                std::uint32_t address) {
    GuestRow row{.name = what + "/" + place.name + "/" + std::string{access.name},
                 .title = place.bytes == InstructionBytes::own
                              ? "No more bytes are stored than can be fetched."
                              : "Fifteen bytes are stored, out of two pages.",
                 .manual = "APM2 15.8.4",
                 .needs = Feature::decode_assists,
                 .program = access.program,
                 .code_copy = place.code,
                 .steps = place.steps};
    row.steps.emplace_back(l2_register(Register::rdi, address));
    row.exit.rip = at_insn;
    row.exit.instruction_bytes = place.bytes;
    row.exit.fields = {{field::exit_info_2, address}};
    return row;
}

void page_fault(Catalogue& catalogue, const Place& place, const Access& access,
                const L2Start& start, std::uint32_t address, const std::vector<Step>& absent) {
    GuestRow row = row_of("paging/instruction_bytes", place, access, address);
    row.steps.emplace_back(intercepting(Intercept::exception_pf));
    row.steps.insert(row.steps.end(), absent.begin(), absent.end());
    row.exit.exit_code = svm::exception_exit_code(14);
    row.exit.fields.push_back(
        {field::exit_info_1, access.error_code | (start.cpl == 3 ? by_user : 0)});
    row.l1_modes = only(start.l1);
    add_guest_case(catalogue, row, start);
}

void nested_page_fault(Catalogue& catalogue, const Place& place, const Access& access,
                       const L2Start& start) {
    GuestRow row = row_of("npt/instruction_bytes", place, access, absent_data);
    row.steps.emplace_back(without_in_l1(start.l1));
    row.exit.exit_code = svm::ExitCode::npf;
    row.exit.fields.push_back({field::exit_info_1, final_address | by_user | access.error_code});
    row.l1_modes = only(start.l1);
    add_guest_case(catalogue, row, start);
}

void at_page_end(Catalogue& catalogue, const L2Start& start) {
    for (const NextPage next : next_pages) {
        if (!exists(next, start)) {
            continue;
        }
        const Place place{
            std::string{name_of(next)}, code_at_page_end(false), mapped_pages(next, start),
            next == NextPage::mapped ? InstructionBytes::stored : InstructionBytes::own};
        for (const Access& access : accesses) {
            page_fault(catalogue, place, access, start, absent_data, {without_in_l2(start.mode)});
            if (start.nested_paging) {
                nested_page_fault(catalogue, place, access, start);
            }
        }
    }
}

/// Segments are no business of L1's paging.
void at_segment_end(Catalogue& catalogue, const L2Start& start) {
    const Place place{"segment_end", code_at_segment_end(false), segment_before_end(),
                      InstructionBytes::own};
    const std::vector<Step> absent{Write{wire::Op::Code::write, Region::legacy_pd, 0, 4,
                                         in_region(Region::legacy_pt, world::table_bits)},
                                   Write{wire::Op::Code::clear_bits, Region::legacy_pt,
                                         absent_low_data / page_size * 4, 1, world::present}};
    for (const Access& access : accesses) {
        page_fault(catalogue, place, access, start, absent_low_data, absent);
    }
}

void instruction_bytes(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        each_paging(mode, [&](L2Start start) {
            each_l1_mode(all_l1_modes, [&](L1Mode l1) {
                start.l1 = l1;
                at_page_end(catalogue, start);
            });
        });
    }
    for (const L2Mode mode : {L2Mode::paged_real, L2Mode::prot16, L2Mode::v86}) {
        each_paging(
            mode, [&](const L2Start& start) { at_segment_end(catalogue, start); },
            lowest_cpl(mode));
    }
}

const Registration registration{instruction_bytes};

} // namespace
} // namespace vmrunit::cases
