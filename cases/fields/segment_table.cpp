// SPDX-License-Identifier: GPL-2.0-only
#include "cases/fields/segment_table.hpp"

#include <utility>

namespace vmrunit::cases {

void Segments::add(const SegmentRow& row, L2Mode mode, const std::source_location& where) {
    each_paging(
        mode,
        [&](const L2Start& start) {
            ExitExpectation exit = row.exit;
            if (row.raises) {
                exit = delivered(start, *row.raises);
                exit.fields.insert(exit.fields.end(), row.raised_fields.begin(),
                                   row.raised_fields.end());
            }
            add_guest_case(catalogue_,
                           {.name = "fields/" + name_of(row.place) + "/" + row.what,
                            .title = row.title,
                            .manual = row.manual,
                            .program = row.program,
                            .steps = row.steps,
                            .exit = std::move(exit)},
                           start, where);
        },
        row.cpl);
}

ExitExpectation reads(std::uint64_t value) {
    ExitExpectation exit = program_ends();
    exit.registers = {{Register::rbx, value}};
    return exit;
}

std::string program_for(std::string_view verb, const SegmentField& segment) {
    return std::string{verb} + "_" + std::string{segment.name};
}

} // namespace vmrunit::cases
