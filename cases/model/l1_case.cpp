// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/l1_case.hpp"

#include "cases/model/instruction_table.hpp"

#include <utility>

namespace vmrunit::cases {

void add_l1_case(Catalogue& catalogue, const L1Row& row, const std::source_location& where) {
    Case made;
    made.start = {row.mode, 0, row.nested_paging};
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
    made.confirmed = row.confirmed;
    made.vmruns = row.vmruns;
    made.intercepts = row.intercepts;
    made.covers = row.covers;
    catalogue.add(std::move(made));
}

CallExpectation::Reported reported(std::string what, std::uint64_t value) {
    CallExpectation::Reported expected;
    expected.value = value;
    expected.what = std::move(what);
    return expected;
}

} // namespace vmrunit::cases
