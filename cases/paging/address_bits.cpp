// SPDX-License-Identifier: GPL-2.0-only
// Address bits of page table entries, L2's own and nested, from the width of physical addresses up
// to 51: reserved, one by one, on each level. Only L1 knows the width, so a routine tries them.
// Other reserved bits: paging/permissions.cpp, npt/permissions.cpp. APM2 5.3.3, 15.25.5.

#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"
#include "cases/npt/nested_page.hpp"
#include "cases/paging/own_tables.hpp"

#include "harness/svm/exit_code.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Intercept;

// P, RW and RSV of an error code, and US of nested ones.
constexpr std::uint64_t write_of_reserved = 0xb;
constexpr std::uint64_t nested_write_of_reserved = final_address | 0xf;

/// The tables that the entry in question may lie in.
struct Tables {
    Region pml4, pdpt, pd;
};

std::uint32_t entry_at(Region region, std::uint32_t index, std::uint32_t count = 1) {
    constexpr unsigned count_at = 24;
    return (place_of(region).offset + index * 8) | count << count_at;
}

/// As the routine takes it.
std::uint32_t entry_of_level(const Tables& tables, NestedLevel level) {
    constexpr std::uint32_t last_gigabyte = 3;
    constexpr std::uint32_t payload_pages = 16;
    switch (level) {
    case NestedLevel::leaf_2m:
        return entry_at(tables.pd, last_gigabyte * 512, payload_pages);
    case NestedLevel::pd:
        return entry_at(tables.pd, last_gigabyte * 512);
    case NestedLevel::leaf_1g:
    case NestedLevel::pdpt:
        return entry_at(tables.pdpt, last_gigabyte);
    case NestedLevel::pml4:
        return entry_at(tables.pml4, 1);
    default:
        return entry_at(Region::spare_vmcb, 0);
    }
}

/// What the exit is with each of the bits.
struct Refused {
    ExitCode code;
    std::uint64_t information;
    Value address;
};

void add(Catalogue& catalogue, const std::string& name, NestedLevel level, const L2Start& start,
         std::vector<Step> steps, Value linear, std::uint32_t entry, const Refused& refused) {
    CallExpectation expected;
    expected.values = {reported("lower half of the exit code without such a bit",
                                static_cast<std::uint64_t>(ExitCode::vmmcall)),
                       reported("bits with which the exit code is another", 0),
                       reported("bits with which EXITINFO is another", 0)};
    steps.emplace_back(vmcb_field(field::rip, at_start));
    steps.emplace_back(vmcb_field(field::rax, linear));
    steps.emplace_back(vmcb_field(field::exit_code, static_cast<std::uint64_t>(refused.code)));
    steps.emplace_back(vmcb_field(field::exit_info_1, refused.information));
    steps.emplace_back(vmcb_field(field::exit_info_2, refused.address));
    steps.emplace_back(Call{"vmrun_with_entry_bits", entry});
    add_l1_case(catalogue, {.name = name + std::string{name_of(level)},
                            .title = "Bits that no physical address of this CPU has are reserved.",
                            .manual = "APM2 5.3.3",
                            .needs = needs_of(level) | svm::Feature::unused_address_bits,
                            .program = "write_20h",
                            .mode = start.mode,
                            .nested_paging = start.nested_paging,
                            .l1_modes = only(start.l1),
                            .steps = std::move(steps),
                            .expectations = {expected},
                            .named_by_paging = name.starts_with("paging/")});
}

void nested(Catalogue& catalogue, L1Mode l1) {
    for (const NestedLevel level : nested_levels(l1)) {
        if (l1 == L1Mode::pae && level == NestedLevel::pdpt) {
            continue; // Which of its bits are reserved no source says.
        }
        add(catalogue, "npt/address_bits/", level, {L2Mode::long64, 0, true, l1},
            second_way(level, l1), second_address(level, l2_data_offset),
            entry_of_level({Region::nested_pml4, Region::nested_pdpt, Region::nested_pd}, level),
            {ExitCode::npf, nested_write_of_reserved, guest_physical(level, l2_data_offset)});
    }
}

void own(Catalogue& catalogue, L2Mode mode, L1Mode l1) {
    const bool is_pae = mode == L2Mode::pae;
    for (const NestedLevel level : own_levels(mode)) {
        if (is_pae && level == NestedLevel::pdpt) {
            continue; // VMRUN looks at these: consistency/pdpte.
        }
        const Value linear = own_address(level, l2_data_offset);
        for (const bool nested_paging : {true, false}) {
            std::vector<Step> steps = own_way(level, mode);
            steps.emplace_back(intercepting(Intercept::exception_pf));
            add(catalogue, is_pae ? "paging/address_bits/pae/" : "paging/address_bits/", level,
                {mode, 0, nested_paging, l1}, std::move(steps), linear,
                entry_of_level({Region::pml4, Region::pdpt, Region::pd}, level),
                {ExitCode::exception_pf, write_of_reserved, linear});
        }
    }
}

void address_bits(Catalogue& catalogue) {
    nested(catalogue, L1Mode::long64);
    nested(catalogue, L1Mode::pae);
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        own(catalogue, L2Mode::long64, l1);
        own(catalogue, L2Mode::pae, l1);
    });
}

const Registration registration{address_bits};

} // namespace
} // namespace vmrunit::cases
