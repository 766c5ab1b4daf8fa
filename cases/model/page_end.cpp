// SPDX-License-Identifier: GPL-2.0-only
// Pages of tables that only 16-bit modes use lend themselves: they are not compared, and put back
// when a case has written them.
#include "cases/model/page_end.hpp"

#include "cases/model/instruction_table.hpp"

namespace vmrunit::cases {

namespace {

constexpr Region first_page = Region::idt16;
constexpr Region second_page = Region::ivt;
constexpr Region page_table = Region::legacy_pt;

constexpr std::uint64_t begin = 0xc000'0000; ///< Linear, of what the table maps.
constexpr std::uint32_t gigabyte = begin >> 30;
constexpr std::uint32_t first_entry = 510;
constexpr std::uint64_t border = begin + (first_entry + 1) * page_size;
/// Guest physical; the nested tables map it and nothing else by one entry, of 2 or 4 MiB.
constexpr std::uint64_t nowhere = begin + (std::uint64_t{1} << 21);

constexpr std::uint64_t leaf_bits = world::table_bits | world::dirty;
constexpr std::uint32_t pf_fetch = 0x10;
constexpr std::uint32_t pf_user = 4;
constexpr std::uint64_t npf_final_address = std::uint64_t{1} << 32;

/// L2's tables have entries of 8 bytes.
bool has_wide_entries(L2Mode mode) {
    return is_long_mode(mode) || mode == L2Mode::pae;
}

} // namespace

std::string_view name_of(NextPage next) {
    switch (next) {
    case NextPage::mapped:
        return "next_mapped";
    case NextPage::absent:
        return "next_absent";
    case NextPage::absent_nested:
        break;
    }
    return "next_absent_nested";
}

bool exists(NextPage next, const L2Start& start) {
    return !is_16bit(start.mode) && (next != NextPage::absent_nested || start.nested_paging);
}

CodeCopy code_at_page_end(bool splits_insn) {
    return {border, splits_insn, false, {first_page, page_size}, {second_page, 0}};
}

std::vector<Step> mapped_pages(NextPage next, const L2Start& start) {
    const bool wide = has_wide_entries(start.mode);
    const std::uint8_t size = wide ? 8 : 4;
    const auto entry = [size](Region table, std::uint32_t index, Value value) {
        return Write{wire::Op::Code::write, table, index * size, size, value};
    };
    std::vector<Step> steps{
        wide ? entry(Region::pd, gigabyte * 512, in_region(page_table, world::table_bits))
             : entry(Region::legacy_pd, begin >> 22, in_region(page_table, world::table_bits)),
        entry(page_table, first_entry, in_region(first_page, leaf_bits)),
    };
    switch (next) {
    case NextPage::mapped:
        steps.emplace_back(entry(page_table, first_entry + 1, in_region(second_page, leaf_bits)));
        break;
    case NextPage::absent:
        steps.emplace_back(entry(page_table, first_entry + 1, 0));
        break;
    case NextPage::absent_nested:
        steps.emplace_back(entry(page_table, first_entry + 1, nowhere | leaf_bits));
        steps.emplace_back(
            start.l1 == L1Mode::legacy
                ? Write{wire::Op::Code::write, Region::nested_legacy_pd,
                        static_cast<std::uint32_t>(nowhere >> 22) * 4, 4, 0}
                : Write{wire::Op::Code::write, Region::nested_pd, (gigabyte * 512 + 1) * 8, 8, 0});
        break;
    }
    return steps;
}

ExitExpectation fetch_fault(NextPage next, const L2Start& start, Value rip) {
    if (next == NextPage::absent_nested) {
        // L1 runs with EFER.NXE set, so that a fetch is reported as one. Without PAE there is no
        // NX, and the bit is not defined (APM2 8.4.2).
        const std::uint64_t undefined = start.l1 == L1Mode::legacy ? pf_fetch : 0;
        ExitExpectation exit;
        exit.exit_code = svm::ExitCode::npf;
        exit.rip = rip;
        exit.fields = {
            {svm::field::exit_info_1, npf_final_address | pf_user | pf_fetch, ~undefined},
            {svm::field::exit_info_2, nowhere}};
        if (undefined != 0) {
            exit.fields.push_back({svm::field::exit_info_1, {}, undefined, Match::free});
        }
        return exit;
    }
    const std::uint32_t error_code =
        (has_wide_entries(start.mode) ? pf_fetch : 0) | (start.cpl == 3 ? pf_user : 0);
    ExitExpectation exit =
        delivered(start, {.vector = 14, .error_code = error_code, .return_rip = rip});
    exit.fields.push_back({svm::field::cr2, border});
    return exit;
}

} // namespace vmrunit::cases
