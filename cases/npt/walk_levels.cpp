// SPDX-License-Identifier: GPL-2.0-only
// Each of L2's own tables below the topmost, in a nested page of its own: what the nested entry
// refuses is a fault of the walk, with the address of L2's entry in that table; and in which order
// L2's tables and the nested ones are asked, level by level. L2 reads by entries that its program
// does not depend on. APM2 15.25.5, 15.25.6.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/nested_page.hpp"

#include "harness/world.hpp"

#include <optional>
#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

constexpr std::uint64_t high = std::uint64_t{1} << 39;
constexpr std::uint32_t third_gigabyte = 3;
/// Where L2 reads, in the third gigabyte: by entries that are not the first of their tables, so
/// that an address without its low bits shows.
constexpr std::uint64_t read_at = second_way_begin + (5 << 21) + (7 << 12) + l2_data_offset;

/// One of L2's tables on the way there.
struct OwnTable {
    std::string_view name;
    Region region;
    std::uint32_t page;  ///< Byte offset in the region.
    std::uint32_t entry; ///< Byte offset in that page: what the walk reads of it.
    /// The entry that leads to it.
    Region above;
    std::uint32_t above_offset;
    std::uint8_t entry_size;
    std::uint64_t above_bits;
    /// A bit that the entry above cannot have; 0: it has no such bit.
    std::uint64_t above_reserved = 0;
    std::uint64_t address = read_at; ///< Where L2 reads.
};

constexpr Region page_table = Region::ivt; ///< In use in real mode only.

std::vector<OwnTable> own_tables(L2Mode mode) {
    constexpr std::uint32_t directory = third_gigabyte * page_size;
    constexpr std::uint64_t usual = world::table_bits;
    if (mode == L2Mode::prot32) {
        return {{"pt", page_table, 0, (read_at >> 12 & 0x3ff) * 4, Region::legacy_pd,
                 (read_at >> 22) * 4, 4, usual}};
    }
    const bool is_long = is_long_mode(mode);
    const Region pointers = is_long ? Region::pdpt : Region::pae_pdpt;
    constexpr std::uint64_t pae_reserved = std::uint64_t{1} << 62;
    std::vector<OwnTable> tables{{"pd", Region::pd, directory, 5 * 8, pointers, third_gigabyte * 8,
                                  8, is_long ? usual : world::present,
                                  is_long ? 0 : std::uint64_t{1} << 1},
                                 {"pt", page_table, 0, 7 * 8, Region::pd, directory + 5 * 8, 8,
                                  usual, is_long ? 0 : pae_reserved}};
    if (mode == L2Mode::long64) { // 32-bit code does not reach the second entry of the topmost.
        tables.push_back({"pdpt", Region::pdpt, 0, third_gigabyte * 8, Region::pml4, 8, 8, usual,
                          world::large, high + read_at});
    }
    return tables;
}

Write own_entry(const OwnTable& table, Value value) {
    return {wire::Op::Code::write, table.above, table.above_offset, table.entry_size, value};
}

/// The last of them.
OwnTable last_table(L2Mode mode) {
    return own_tables(mode)[mode == L2Mode::prot32 ? 0 : 1];
}

/// L2's tables down to its data.
std::vector<Step> way_to_data(L2Mode mode) {
    const OwnTable last = last_table(mode);
    return {own_entry(last, in_region(page_table, last.above_bits)),
            Write{wire::Op::Code::write, page_table, last.entry, last.entry_size,
                  in_region(Region::l2_memory, entry_bits)}};
}

class Rows {
public:
    Rows(Catalogue& catalogue, const L2Start& start, const OwnTable& table)
        : catalogue_(catalogue), start_(start), table_(table) {}

    void refused() {
        for (const Refusal& refusal : refusals) {
            std::vector<Step> steps = by_nested_page(refusal.bits, table_.above_bits);
            add(walk_name(refusal.name), "The page of one of L2's tables is refused.", steps,
                fault(refusal.reported, second_way_begin + table_.entry));
        }
        const Value large = in_region(table_.region, second_way_begin + table_.page);
        const Value at = in_region(table_.region, second_way_begin + table_.page + table_.entry);
        add(walk_name("reserved"), "A reserved bit on the way to one of L2's tables.",
            by_large_page(large, true), fault(reserved_reported, at));
        add(walk_name("large_sound"), "The twin: by an entry without it L2 gets there.",
            by_large_page(large, false), reads());
        add(walk_name("sound"), "By an entry that permits everything L2 gets there.",
            by_nested_page(entry_bits, table_.above_bits), reads());
        if (start_.l1 != L1Mode::legacy) {
            add(walk_name("no_execute"), "L2's tables need not be executable.",
                by_nested_page(entry_bits | no_execute, table_.above_bits), reads());
        }
    }

    /// Of each level first the nested entry of the table counts, then what L2's entry in it is
    /// like, and what L2's entries permit counts when all of them have been found.
    void order() {
        const std::uint64_t absent = entry_bits & ~world::present;
        const std::uint64_t read_only = entry_bits & ~world::writable;
        add(order_name("guest_absent_above"), "L2's entry leads nowhere: no matter where to.",
            by_nested_page(absent, table_.above_bits & ~world::present), page_fault(0));
        if (table_.above_reserved != 0) {
            add(order_name("guest_reserved_above"), "L2's entry has a reserved bit: likewise.",
                by_nested_page(absent, table_.above_bits | table_.above_reserved), page_fault(9));
        }
        std::vector<Step> nothing_there = by_nested_page(read_only, table_.above_bits);
        nothing_there.emplace_back(Write{wire::Op::Code::write, table_.region,
                                         table_.page + table_.entry, table_.entry_size, 0});
        add(order_name("nested_fault_first"), "L2's entry is looked for, then looked at.",
            nothing_there, fault(7, second_way_begin + table_.entry));
        std::vector<Step> not_there = by_nested_page(entry_bits, table_.above_bits);
        not_there.emplace_back(Write{wire::Op::Code::write, table_.region,
                                     table_.page + table_.entry, table_.entry_size, 0});
        add(order_name("guest_absent"), "The twin: what L2 finds in a table that permits it.",
            not_there, page_fault(0));
        const bool has_permissions = (table_.above_bits & world::user) != 0;
        if (start_.cpl == 3 && has_permissions) {
            const std::uint64_t supervisor = table_.above_bits & ~world::user;
            add(order_name("guest_permission_later"),
                "That L2's entry permits too little counts at the end of the walk.",
                by_nested_page(absent, supervisor), fault(6, second_way_begin + table_.entry));
            add(order_name("guest_permission"), "The twin: there it is a #PF.",
                by_nested_page(entry_bits, supervisor), page_fault(1));
        }
    }

private:
    [[nodiscard]] std::string walk_name(std::string_view what) const {
        return "npt/walk_" + std::string{table_.name} + "/" + std::string{what};
    }
    [[nodiscard]] std::string order_name(std::string_view what) const {
        return "npt/order/" + std::string{table_.name} + "/" + std::string{what};
    }

    /// L2's entry above has these bits, and leads to the table by a nested page of 4 KiB.
    [[nodiscard]] std::vector<Step> by_nested_page(std::uint64_t nested_bits,
                                                   std::uint64_t above_bits) const {
        std::vector<Step> steps = way_to_data(start_.mode);
        for (Step& step : nested_page(start_.l1, table_.region, table_.page + nested_bits)) {
            steps.emplace_back(std::move(step));
        }
        steps.emplace_back(own_entry(table_, second_way_begin | above_bits));
        return steps;
    }

    [[nodiscard]] std::vector<Step> by_large_page(Value place, bool has_reserved) const {
        std::vector<Step> steps = way_to_data(start_.mode);
        for (Step& step : large_nested_page(start_.l1, has_reserved)) {
            steps.emplace_back(std::move(step));
        }
        steps.emplace_back(own_entry(table_, place | table_.above_bits));
        return steps;
    }

    [[nodiscard]] static ExitExpectation fault(std::uint64_t reported, Value address) {
        ExitExpectation exit = walk_fault(reported, address);
        exit.rip = at_insn;
        return exit;
    }

    [[nodiscard]] static ExitExpectation reads() {
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, 0xd3d2'd1d0}};
        return exit;
    }

    [[nodiscard]] ExitExpectation page_fault(std::uint32_t error_code) const {
        const std::uint32_t by_user = start_.cpl == 3 ? 4 : 0;
        ExitExpectation exit =
            delivered(start_, {.vector = 14, .error_code = error_code | by_user});
        exit.fields.push_back({field::cr2, table_.address});
        return exit;
    }

    void add(const std::string& name, std::string_view title, std::vector<Step> steps,
             const ExitExpectation& exit) {
        steps.emplace_back(l2_register(Register::rdi, table_.address));
        add_guest_case(catalogue_,
                       {.name = name,
                        .title = title,
                        .manual = "APM2 15.25.6",
                        .program = "raise_pf_read",
                        .steps = std::move(steps),
                        .exit = exit,
                        .l1_modes = only(start_.l1)},
                       start_);
    }

    Catalogue& catalogue_;
    L2Start start_;
    OwnTable table_;
};

/// A write to a page that L2's own entry makes read-only, and the nested tables take away.
void guest_permission_first(Catalogue& catalogue, const L2Start& start) {
    const OwnTable table = last_table(start.mode);
    for (const bool is_read_only : {true, false}) {
        std::vector<Step> steps = way_to_data(start.mode);
        // The nested page at `second_way_begin` is not there.
        for (Step& step : nested_page(start.l1, Region::l2_memory, entry_bits & ~world::present)) {
            steps.emplace_back(std::move(step));
        }
        steps.emplace_back(
            Write{wire::Op::Code::write, page_table, table.entry, table.entry_size,
                  second_way_begin | (is_read_only ? entry_bits & ~world::writable : entry_bits)});
        steps.emplace_back(l2_register(Register::rdi, read_at));
        ExitExpectation exit;
        if (is_read_only) {
            exit = delivered(start, {.vector = 14, .error_code = start.cpl == 3 ? 7u : 3u});
            exit.fields.push_back({field::cr2, read_at});
        } else {
            exit.exit_code = svm::ExitCode::npf;
            exit.fields = {{field::exit_info_1, final_address | 6},
                           {field::exit_info_2, second_way_begin + l2_data_offset}};
        }
        add_guest_case(
            catalogue,
            {.name = is_read_only ? "npt/order/guest_permission_first" : "npt/order/guest_permits",
             .title = is_read_only ? "What L2's own tables forbid comes before the final address."
                                   : "The twin: they permit it, and the final address is asked.",
             .manual = "APM2 15.25.6",
             .program = "raise_pf_write",
             .steps = std::move(steps),
             .exit = std::move(exit),
             .l1_modes = only(start.l1)},
            start);
    }
}

void walk_levels(Catalogue& catalogue) {
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        for (const L2Mode mode : paged_modes) {
            for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
                const L2Start start{mode, cpl, true, l1};
                for (const OwnTable& table : own_tables(mode)) {
                    Rows rows{catalogue, start, table};
                    rows.refused();
                    rows.order();
                }
                guest_permission_first(catalogue, start);
            }
        }
    });
}

const Registration registration{walk_levels};

} // namespace
} // namespace vmrunit::cases
