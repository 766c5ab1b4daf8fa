// SPDX-License-Identifier: GPL-2.0-only
// RIP at the ends of what it can be: L2 begins there, and the exit stores it. One that is not
// canonical is no reason to refuse VMRUN: L2 begins there, too, and its first fetch is its own #GP.
// APM2 15.5.1, 5.3.1.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/world.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

constexpr std::uint64_t last_page = 0xffff'ffff'ffff'f000;
constexpr std::uint32_t table_entries = 512;
constexpr std::uint8_t pushf_byte = 0x9c;

Write entry(Region table, std::uint32_t index, Value value) {
    return {wire::Op::Code::write, table, index * 8, 8, value};
}

/// Maps the page of an address of 64-bit code, first or last of the 512 GiB it lies in, to one that
/// no case here uses, with an instruction where the address is.
std::vector<Step> mapped_code(std::uint64_t rip) {
    const auto in_page = static_cast<std::uint32_t>(rip % page_size);
    const bool is_last = (rip >> 12) % table_entries != 0;
    const std::uint32_t index = is_last ? table_entries - 1 : 0;
    const std::uint32_t directory = is_last ? 3 : 0;
    return {entry(Region::pml4, static_cast<std::uint32_t>((rip >> 39) % table_entries),
                  in_region(Region::pdpt, world::table_bits)),
            entry(Region::pdpt, index,
                  in_region(Region::pd, directory * page_size + world::table_bits)),
            entry(Region::pd, directory * table_entries + index,
                  in_region(Region::legacy_pt, world::table_bits)),
            entry(Region::legacy_pt, index,
                  in_region(Region::spare_vmcb, world::table_bits | world::dirty)),
            Write{wire::Op::Code::write, Region::spare_vmcb, in_page, 1, pushf_byte}};
}

/// The exit of a PUSHF at `rip`, one byte long. NEXT_RIP is open where nothing can follow.
ExitExpectation pushf_exit(std::uint64_t rip, bool is_last) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::pushf;
    exit.rip = rip;
    exit.next_rip = rip + 1;
    if (is_last) {
        exit.fields = {{field::next_rip, {}, ~std::uint64_t{0}, Match::free}};
    }
    return exit;
}

void add_edge(Catalogue& catalogue, L2Mode mode, std::uint64_t rip, bool is_last,
              std::vector<Step> steps) {
    steps.emplace_back(vmcb_field(field::rip, rip));
    steps.emplace_back(intercepting(svm::Intercept::pushf));
    each_paging(
        mode,
        [&](const L2Start& start) {
            add_guest_case(catalogue,
                           {.name = "fields/save_rip/loaded/" + hex_name(rip),
                            .title = "L2 begins at the RIP of the VMCB, and the exit stores it.",
                            .manual = "APM2 15.5.1",
                            .program = "pushf",
                            .steps = steps,
                            .exit = pushf_exit(rip, is_last)},
                           start);
        },
        lowest_cpl(mode));
}

/// In 64-bit mode other pages lie there; elsewhere the base of CS makes up for it, modulo 4 GiB.
void edges(Catalogue& catalogue) {
    for (const std::uint64_t rip : {std::uint64_t{0}, std::uint64_t{0x7fff'ffff'ffff},
                                    std::uint64_t{0xffff'8000'0000'0000}, ~std::uint64_t{0}}) {
        add_edge(catalogue, L2Mode::long64, rip, (rip & ~last_page) != 0, mapped_code(rip));
    }
    for (const L2Mode mode : every_mode) {
        if (mode == L2Mode::long64) {
            continue;
        }
        const std::uint64_t last = is_16bit(mode) ? 0xffff : 0xffff'ffff;
        for (const std::uint64_t rip :
             {std::uint64_t{0}, last / 2, std::uint64_t{last / 2 + 1}, last}) {
            const Value base = Value{linear(at_start).anchor, linear(at_start).part, 0 - rip};
            add_edge(catalogue, mode, rip, rip == last,
                     {vmcb_field(field::cs_base, base & 0xffff'ffff)});
        }
    }
}

void instruction_pointer(Catalogue& catalogue) {
    edges(catalogue);
    for (const std::uint64_t rip : {std::uint64_t{1} << 47, std::uint64_t{0x1234'5678'9abc'def0}}) {
        for (const bool intercepted : {true, false}) {
            ExitExpectation exit =
                delivered({}, {.vector = 13, .error_code = 0, .return_rip = rip});
            std::vector<Step> steps{vmcb_field(field::rip, rip)};
            if (intercepted) {
                exit = {.exit_code = svm::ExitCode::exception_gp,
                        .rip = rip,
                        .fields = {{field::exit_info_1, 0}}};
                steps.emplace_back(intercepting(svm::Intercept::exception_gp));
            }
            each_paging(L2Mode::long64, [&](const L2Start& start) {
                add_guest_case(catalogue,
                               {.name = "fields/save_rip/not_canonical/" + hex_name(rip) +
                                        (intercepted ? "/intercepted" : "/not_intercepted"),
                                .title = "L2 begins, and its first fetch is #GP.",
                                .manual = "APM2 15.5.1",
                                .steps = steps,
                                .exit = exit},
                               start);
            });
        }
    }
}

const Registration registration{instruction_pointer};

} // namespace
} // namespace vmrunit::cases
