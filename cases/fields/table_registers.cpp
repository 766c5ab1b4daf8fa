// SPDX-License-Identifier: GPL-2.0-only
// GDTR and IDTR at the ends of what they can be: SGDT and SIDT of L2 see what VMRUN loaded and the
// exit stores it again; what LGDT and LIDT load the exit stores too. Nothing of L2 uses the tables.
// APM2 4.6.2, 4.6.6, 15.5.1, 15.6.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/segment.hpp"

#include <span>
#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

struct TableRegister {
    svm::FieldRef limit, base;
    std::string_view store, load;
};
constexpr TableRegister registers[] = {
    {field::gdtr_limit, field::gdtr_base, "sgdt", "lgdt"},
    {field::idtr_limit, field::idtr_base, "sidt", "lidt"},
};

constexpr std::uint64_t limits[] = {0, 1, 0x7fff, 0x8000, 0xffff};
constexpr std::uint64_t bases_64[] = {0, 1, 0x7fff'ffff'ffff, 0xffff'8000'0000'0000,
                                      ~std::uint64_t{0}};
constexpr std::uint64_t bases_32[] = {0, 1, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff};
constexpr std::uint64_t some_limit = 0x1234;
constexpr std::uint64_t some_base = 0x1234'5678;

void loaded(Catalogue& catalogue, const TableRegister& reg, svm::FieldRef place, Value limit,
            Value base, const L2Start& start) {
    const std::uint8_t base_size = start.mode == L2Mode::long64 ? 8 : 4;
    const std::uint64_t number = (place == reg.limit ? limit : base).number;
    ExitExpectation exit = program_ends();
    exit.memory = {{Region::l2_memory, l2_data_offset, 2, limit},
                   {Region::l2_memory, l2_data_offset + 2, base_size, base}};
    add_guest_case(catalogue,
                   {.name = "fields/" + name_of(place) + "/loaded/" + hex_name(number),
                    .title = "L2 sees the value of the VMCB, and the exit stores it.",
                    .manual = "APM2 15.5.1",
                    .program = reg.store,
                    .steps = {l2_register(Register::rdi, l2_data), vmcb_field(reg.limit, limit),
                              vmcb_field(reg.base, base)},
                    .exit = std::move(exit)},
                   start);
}

void stored(Catalogue& catalogue, const TableRegister& reg, svm::FieldRef place, Value limit,
            Value base, const L2Start& start) {
    const std::uint64_t number = (place == reg.limit ? limit : base).number;
    ExitExpectation exit = program_ends();
    exit.fields = {{reg.limit, limit}, {reg.base, base}};
    add_guest_case(catalogue,
                   {.name = "fields/" + name_of(place) + "/stored/" + hex_name(number),
                    .title = "The exit stores what L2 wrote.",
                    .manual = "APM2 15.6",
                    .program = reg.load,
                    .steps = {l2_register(Register::rdi, l2_data), l2_data_bytes(0, 2, limit),
                              l2_data_bytes(2, 8, base)},
                    .exit = std::move(exit)},
                   start);
}

/// Of the 32 bits of the limit in the VMCB the CPU has 16. What an exit stores in the others nobody
/// says.
constexpr std::uint64_t upper_half = 0xffff'0000;

void upper_half_of_limit(Catalogue& catalogue, const TableRegister& reg, const L2Start& start) {
    ExitExpectation exit = program_ends();
    exit.memory = {{Region::l2_memory, l2_data_offset, 2, some_limit},
                   {Region::l2_memory, l2_data_offset + 2,
                    static_cast<std::uint8_t>(start.mode == L2Mode::long64 ? 8 : 4), some_base}};
    exit.fields = {{reg.limit, {}, upper_half, Match::free}};
    add_guest_case(
        catalogue,
        {.name = "fields/" + name_of(reg.limit) + "/loaded/upper_half",
         .title = "L2 sees the 16 bits of the limit that there are.",
         .manual = "APM2 15.5.1, B",
         .program = reg.store,
         .steps = {l2_register(Register::rdi, l2_data),
                   vmcb_field(reg.limit, upper_half | some_limit), vmcb_field(reg.base, some_base)},
         .exit = std::move(exit)},
        start);
}

/// DS is loaded by the descriptor with which the table ends, or almost. Those of the handlers lie
/// before it.
void end_of_descriptors(Catalogue& catalogue, L2Mode mode) {
    const std::string prefix = "fields/" + name_of(field::gdtr_limit) + "/used/upper_half_";
    constexpr std::uint64_t last_byte = l2_selector::limited_data + 7;
    each_paging(mode, [&](const L2Start& start) {
        const auto row = [&](std::string_view what, std::string_view title, std::uint64_t limit,
                             ExitExpectation exit) {
            exit.fields.push_back({field::gdtr_limit, {}, upper_half, Match::free});
            add_guest_case(catalogue,
                           {.name = prefix + std::string{what},
                            .title = title,
                            .manual = "APM2 15.5.1, B",
                            .program = "set_ds",
                            .steps = {vmcb_field(field::gdtr_limit, upper_half | limit),
                                      l2_register(Register::rbx, l2_selector::limited_data)},
                            .exit = std::move(exit)},
                           start);
        };
        ExitExpectation loaded = program_ends();
        loaded.fields = {{field::ds_selector, l2_selector::limited_data},
                         {field::ds_attributes, svm::data16_attributes().value},
                         {field::ds_limit, 0xf},
                         {field::ds_base, l2_data}};
        row("within", "The last descriptor lies within the 16 bits of the limit.", last_byte,
            loaded);
        row("beyond",
            "The descriptor ends beyond the 16 bits of the limit, whatever lies above them.",
            last_byte - 1,
            delivered(start, {.vector = 13, .error_code = l2_selector::limited_data}));
    });
}

void table_registers(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        end_of_descriptors(catalogue, mode);
    }
    for (const L2Mode mode : every_mode) {
        each_paging(
            mode,
            [&](const L2Start& start) {
                const auto both = [&](const TableRegister& reg, svm::FieldRef place, Value limit,
                                      Value base) {
                    loaded(catalogue, reg, place, limit, base, start);
                    // LGDT and LIDT need CPL 0.
                    if (start.cpl == 0) {
                        stored(catalogue, reg, place, limit, base, start);
                    }
                };
                for (const TableRegister& reg : registers) {
                    upper_half_of_limit(catalogue, reg, start);
                    for (const std::uint64_t limit : limits) {
                        both(reg, reg.limit, limit, some_base);
                    }
                    for (const std::uint64_t base :
                         mode == L2Mode::long64 ? std::span{bases_64} : std::span{bases_32}) {
                        both(reg, reg.base, some_limit, base);
                    }
                }
            },
            lowest_cpl(mode));
    }
}

const Registration registration{table_registers};

} // namespace
} // namespace vmrunit::cases
