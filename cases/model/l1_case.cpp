// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/l1_case.hpp"

#include "cases/model/instruction_table.hpp"

#include <algorithm>
#include <utility>

namespace vmrunit::cases {

namespace {

Case l1_case(const L1Row& row, L1Mode l1, const std::source_location& where) {
    Case made;
    const std::uint8_t lowest_cpl = has_cpl(row.mode, 0) ? 0 : 3;
    made.start = {row.mode, lowest_cpl, row.nested_paging, l1};
    made.name =
        full_name(row.name, {.l2_mode = false, .cpl = false, .nested_paging = row.named_by_paging},
                  made.start);
    made.title = row.title;
    made.manual = row.manual;
    made.file = project_path(where.file_name());
    made.line = where.line();
    made.program = row.program;
    made.needs = row.needs;
    made.without = row.without;
    if (row.nested_paging) {
        made.needs.set(svm::Feature::np);
    }
    made.steps = row.steps;
    made.expectations = row.expectations;
    made.ends_machine = row.ends_machine;
    made.vmruns = row.vmruns;
    made.intercepts = row.intercepts;
    made.covers = row.covers;
    return made;
}

L1Modes modes_of(const L1Row& row) {
    const bool calls = std::ranges::any_of(
        row.steps, [](const Step& step) { return std::holds_alternative<Call>(step); });
    return row.l1_modes.value_or(calls ? only_l1_long64 : all_l1_modes);
}

} // namespace

void add_l1_case(Catalogue& catalogue, const L1Row& row, const std::source_location& where) {
    each_l1_mode(modes_of(row), [&](L1Mode l1) {
        Case made = l1_case(row, l1, where);
        if (in_reach_of_l1(made)) {
            catalogue.add(std::move(made));
        }
    });
}

CallExpectation::Reported reported(std::string what, std::uint64_t value) {
    CallExpectation::Reported expected;
    expected.value = value;
    expected.what = std::move(what);
    return expected;
}

} // namespace vmrunit::cases
