// SPDX-License-Identifier: GPL-2.0-only
// L1 clears A or D of an entry between two VMRUNs, nested or L2's own, and drops the translation:
// the next access sets it again, and nothing but that. It is how dirty pages are found. A
// hypervisor that shadows the tables keeps D of its own. L2 that does so itself:
// paging/changed_tables.cpp. APM2 5.4.2, 15.16, 15.25.5.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/flushes.hpp"
#include "cases/paging/unmarked_ways.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

constexpr std::uint32_t old_word = 0xd3d2'd1d0; ///< As L2's data begin.
constexpr std::uint32_t new_word = 0x7654'3210;
constexpr std::uint32_t written_word = 0x1111'1111;

class Rows {
public:
    Rows(Catalogue& catalogue, std::string area, const L2Start& start, const Way& way)
        : catalogue_(catalogue), area_(std::move(area)), start_(start), way_(way) {}

    void accessed(const Flush& flush) {
        const auto reads = [&](std::uint32_t word) {
            ExitExpectation exit = program_ends();
            exit.registers = {{Register::rbx, word}};
            exit.memory = {entry_has(way_, world::accessed)};
            return exit;
        };
        row("accessed_cleared_" + flush.name, "Where L1 has cleared A the next access sets it.",
            "raise_pf_read", reads(old_word), 0, flush, at_start, reads(new_word));
    }

    void dirty(const Flush& flush) {
        row("dirty_cleared_" + flush.name, "Where L1 has cleared D the next write sets it.",
            "raise_pf_write", writes(), world::accessed, flush, at_start, writes());
    }

    /// The twin.
    void dirty_unused(const Flush& flush) {
        ExitExpectation unused = program_ends();
        unused.memory = {entry_has(way_, world::accessed)};
        row("dirty_cleared_unused_" + flush.name, "Where L1 has cleared D nothing else sets it.",
            "raise_pf_write", writes(), world::accessed, flush, at_marker, unused);
    }

private:
    ExitExpectation writes() const {
        ExitExpectation exit = program_ends();
        exit.memory = {{Region::l2_memory, l2_data_offset, 4, written_word},
                       entry_has(way_, marks)};
        return exit;
    }

    Write mark(wire::Op::Code code, std::uint64_t bits) const {
        return {code, way_.entry.region, way_.entry.offset, 1, bits};
    }

    /// `kept`: the marks that L1 leaves.
    void row(const std::string& name, std::string_view title, std::string_view program,
             ExitExpectation first, std::uint64_t kept, const Flush& flush, Value from,
             ExitExpectation second) {
        std::vector<Step> steps = way_.steps;
        steps.emplace_back(l2_register(Register::rdi, way_.address));
        steps.emplace_back(l2_register(Register::rbx, Value{written_word}));
        // The tables are as before the first VMRUN: what is compared is put back.
        const std::vector<Step> changes{mark(wire::Op::Code::set_bits, kept),
                                        mark(wire::Op::Code::clear_bits, marks & ~kept),
                                        l2_data_bytes(0, 4, new_word)};
        add_guest_case(catalogue_,
                       {.name = area_ + "/" + std::string{name_of(way_.level)} + "/" + name,
                        .title = title,
                        .manual = area_ == "npt/changed" ? "APM2 15.16, 15.25.5" : "APM2 5.4.2",
                        .needs = flush.needs | needs_of(way_.level),
                        .program = program,
                        .steps = std::move(steps),
                        .exit = std::move(first),
                        .then = join(changes, run_behind(flush, start_.mode, from)),
                        .then_expected = {std::move(second)},
                        .l1_modes = only(start_.l1)},
                       start_);
    }

    Catalogue& catalogue_;
    std::string area_;
    L2Start start_;
    const Way& way_;
};

void add(Catalogue& catalogue, const std::string& area, const L2Start& start, const Way& way) {
    Rows rows{catalogue, area, start, way};
    for (const Flush& flush : flushes) {
        rows.accessed(flush);
        if (way.is_leaf) {
            rows.dirty(flush);
        }
    }
    if (way.is_leaf) {
        rows.dirty_unused(flushes[0]);
    }
}

/// The level that rows about A and D of nested entries have in npt/table_walks.cpp.
Way small_nested_page(L1Mode l1) {
    return {NestedLevel::leaf_4k,
            second_way(NestedLevel::leaf_4k, l1, 0, marks),
            {Region::spare_vmcb, 0},
            true,
            second_address(NestedLevel::leaf_4k, l2_data_offset)};
}

void cleared_marks(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        each_paging(mode, [&](const L2Start& start) {
            for (const Way& way : own_ways(mode)) {
                add(catalogue, "paging/changed_by_l1", start, way);
            }
        });
        for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae, L1Mode::legacy}) {
            const L2Start start{mode, 0, true, l1};
            add(catalogue, "npt/changed", start, small_nested_page(l1));
            for (const Way& way : nested_ways(l1, mode)) {
                add(catalogue, "npt/changed", start, way);
            }
        }
    }
}

const Registration registration{cleared_marks};

} // namespace
} // namespace vmrunit::cases
