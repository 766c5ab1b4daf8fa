// SPDX-License-Identifier: GPL-2.0-only
// L2's own page tables that change: L2 writes an entry and drops the translation it has used, by
// INVLPG, MOV CR3 or INVLPGA; or L1 writes it between two VMRUNs and sees to the TLB. What was
// there before is not used again. A hypervisor that shadows these tables must notice. That another
// ASID or another address keeps its translation nobody promises, so no row asks. APM2 5.5.3, 15.16.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/flushes.hpp"
#include "cases/paging/own_tables.hpp"

#include "harness/world.hpp"

#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Intercept;

constexpr std::uint64_t entry_bits = world::table_bits | world::dirty;
constexpr std::uint32_t old_word = 0xd3d2'd1d0; ///< As L2's data begin.
constexpr std::uint32_t new_word = 0x7654'3210;
constexpr std::uint32_t written_word = 0x1111'1111;

Value address() {
    return own_address(NestedLevel::leaf_4k, l2_data_offset);
}

/// A page of 4 KiB that is L2's memory; another page has the new word at the same place.
std::vector<Step> page_with_twin(L2Mode mode) {
    std::vector<Step> steps = own_way(NestedLevel::leaf_4k, mode);
    steps.emplace_back(
        Write{wire::Op::Code::write, Region::ivt, l2_data_offset, 4, Value{new_word}});
    steps.emplace_back(l2_register(Register::rdi, address()));
    steps.emplace_back(l2_register(Register::rsi, in_region(Region::spare_vmcb)));
    return steps;
}

MemoryExpectation entry_is(Value value) {
    return {Region::spare_vmcb, 0, 4, value};
}

struct Drop {
    std::string name;
    std::string_view program;
    std::string_view manual;
    std::optional<Value> rax{}; ///< As the program leaves it.
};

/// L2 clears a mark of the entry, drops the translation and reads: A is set then, D is not.
void read_without_mark(Catalogue& catalogue, const L2Start& start, const Drop& drop) {
    struct Mark {
        std::string name;
        std::uint64_t bit;
        std::string_view title;
    };
    for (const Mark& mark : {Mark{"accessed_cleared", world::accessed,
                                  "Where L2 has cleared A the next access sets it."},
                             Mark{"dirty_cleared_read", world::dirty,
                                  "Where L2 has cleared D a read leaves it clear."}}) {
        const Value entry = in_region(Region::l2_memory, entry_bits & ~mark.bit);
        std::vector<Step> steps = page_with_twin(start.mode);
        steps.emplace_back(l2_register(Register::rdx, entry));
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, old_word}, {Register::rcx, old_word}};
        exit.memory = {entry_is(entry | world::accessed)};
        if (drop.rax) {
            exit.fields = {{field::rax, *drop.rax}};
        }
        add_guest_case(catalogue,
                       {.name = "paging/changed/" + mark.name + "_" + drop.name,
                        .title = mark.title,
                        .manual = "APM2 5.4.2",
                        .program = drop.program,
                        .steps = std::move(steps),
                        .exit = std::move(exit)},
                       start);
    }
}

void by_l2(Catalogue& catalogue, const L2Start& start) {
    const Value twin = in_region(Region::ivt, entry_bits);
    for (const Drop& drop : {Drop{"invlpg", "remap_invlpg", "APM2 5.5.3"},
                             Drop{"mov_cr3", "remap_cr3", "APM2 5.5.3", fresh(field::cr3)},
                             Drop{"invlpga", "remap_invlpga", "APM2 15.16", address()}}) {
        std::vector<Step> steps = page_with_twin(start.mode);
        steps.emplace_back(l2_register(Register::rdx, twin));
        ExitExpectation exit = program_ends();
        exit.registers = {{Register::rbx, old_word}, {Register::rcx, new_word}};
        exit.memory = {entry_is(twin)};
        if (drop.rax) {
            exit.fields = {{field::rax, *drop.rax}};
        }
        add_guest_case(catalogue,
                       {.name = "paging/changed/other_page_" + drop.name,
                        .title = "L2 leads an address to another page and drops the translation.",
                        .manual = drop.manual,
                        .program = drop.program,
                        .steps = std::move(steps),
                        .exit = std::move(exit)},
                       start);
        read_without_mark(catalogue, start, drop);
    }
    constexpr std::string_view less = "L2 takes a permission away and drops the translation.";
    struct Restriction {
        std::string name;
        std::uint64_t bits;
        std::uint32_t error_code;
        std::string_view title;
    };
    for (const Restriction& to :
         {Restriction{"read_only", entry_bits & ~world::writable, 3, less},
          Restriction{"absent", entry_bits & ~world::present, 2, less},
          Restriction{"unchanged", entry_bits, 0, "The twin: what L2 does not take away stays."},
          Restriction{"dirty_cleared", entry_bits & ~world::dirty, 0,
                      "Where L2 has cleared D the next write sets it."}}) {
        const Value entry = in_region(Region::l2_memory, to.bits);
        std::vector<Step> steps = page_with_twin(start.mode);
        steps.emplace_back(l2_register(Register::rdx, entry));
        steps.emplace_back(l2_register(Register::rbx, Value{written_word}));
        steps.emplace_back(intercepting(Intercept::exception_pf));
        ExitExpectation exit;
        if (to.error_code == 0) {
            exit = program_ends();
        } else {
            exit.exit_code = svm::ExitCode::exception_pf;
            exit.fields = {{field::exit_info_1, to.error_code}, {field::exit_info_2, address()}};
            exit.instruction_bytes = InstructionBytes::stored;
        }
        exit.memory = {{Region::l2_memory, l2_data_offset, 4, written_word},
                       entry_is(to.error_code == 0 ? entry | world::dirty : entry)};
        add_guest_case(catalogue,
                       {.name = "paging/changed/" + to.name + "_invlpg",
                        .title = to.title,
                        .manual = "APM2 5.5.3",
                        .program = "restrict_page",
                        .steps = std::move(steps),
                        .exit = std::move(exit)},
                       start);
    }
}

/// INVLPGA takes as much of rAX as its address size has: EAX of 64-bit code, and AX.
void by_narrow_address(Catalogue& catalogue, const L2Start& start) {
    ExitExpectation exit = program_ends();
    exit.registers = {{Register::rbx, old_word}, {Register::rcx, new_word}};
    std::vector<Step> steps;
    if (start.mode == L2Mode::long64) {
        const Value twin = in_region(Region::ivt, entry_bits);
        steps = page_with_twin(start.mode);
        steps.emplace_back(l2_register(Register::rdx, twin));
        exit.fields = {{field::rax, 0x5a5a'5a5a'0000'0000 | (second_way_begin + l2_data_offset)}};
        exit.memory = {entry_is(twin)};
    } else {
        // A page below 64 KiB, of a table that has all of the first 4 MiB.
        constexpr std::uint32_t page = 5;
        constexpr std::uint64_t low = page * page_size + l2_data_offset;
        steps = {
            Write{wire::Op::Code::write, Region::legacy_pd, 0, 4,
                  in_region(Region::legacy_pt, world::table_bits)},
            Write{wire::Op::Code::write, Region::legacy_pt, page * 4, 4,
                  in_region(Region::l2_memory, entry_bits)},
            Write{wire::Op::Code::write, Region::ivt, l2_data_offset, 4, Value{new_word}},
            l2_register(Register::rdi, low),
            l2_register(Register::rsi, in_region(Region::legacy_pt, page * 4)),
            l2_register(Register::rdx, in_region(Region::ivt, entry_bits)),
        };
        exit.fields = {{field::rax, 0x5a5a'0000 | low}};
    }
    add_guest_case(catalogue,
                   {.name = "paging/changed/other_page_invlpga_narrow",
                    .title = "What stands above the address in rAX does not matter.",
                    .manual = "APM2 15.16",
                    .program = "remap_invlpga_narrow",
                    .steps = std::move(steps),
                    .exit = std::move(exit)},
                   start);
}

/// L1 is no less bound to drop translations than L2: it has ASIDs and TLB_CONTROL for it.
void by_l1(Catalogue& catalogue, const L2Start& start) {
    const std::uint8_t size = start.mode == L2Mode::prot32 ? 4 : 8;
    std::vector<Flush> ways{std::begin(flushes), std::end(flushes)};
    // Of L2's ASID, which is 1.
    ways.push_back(
        {"invlpga", Call{"invlpga_of_asid", static_cast<std::uint32_t>(second_way_begin | 1)}});
    for (const Flush& flush : ways) {
        const auto reads = [](std::uint32_t word) {
            ExitExpectation exit = program_ends();
            exit.registers = {{Register::rbx, word}};
            return exit;
        };
        const Write other_entry{wire::Op::Code::write, Region::spare_vmcb, 0, size,
                                in_region(Region::ivt, entry_bits)};
        std::vector<Expectation> then_expected;
        if (std::holds_alternative<Call>(flush.step)) {
            then_expected.emplace_back(CallExpectation{});
        }
        then_expected.emplace_back(reads(new_word));
        add_guest_case(
            catalogue,
            {.name = "paging/changed_by_l1/other_page_" + flush.name,
             .title = "L1 leads an address of L2's to another page and drops the translation.",
             .manual = "APM2 15.16",
             .needs = flush.needs,
             .program = "raise_pf_read",
             .steps = page_with_twin(start.mode),
             .exit = reads(old_word),
             .then = join({other_entry}, run_behind(flush, start.mode)),
             .then_expected = std::move(then_expected)},
            start);
    }
}

void changed_tables(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        each_paging(mode, [&](const L2Start& start) {
            by_l2(catalogue, start);
            by_l1(catalogue, start);
            if (mode == L2Mode::long64 || mode == L2Mode::prot32) {
                by_narrow_address(catalogue, start);
            }
        });
    }
}

const Registration registration{changed_tables};

} // namespace
} // namespace vmrunit::cases
