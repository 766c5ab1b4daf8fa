// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/guest_case.hpp"

#include "cases/model/instruction_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <variant>

namespace vmrunit::cases {

namespace {

Case guest_case(const GuestRow& row, const L2Start& start, const std::source_location& where) {
    Case made;
    made.start = start;
    made.name = full_name(row.name, {}, start);
    made.title = row.title;
    made.manual = row.manual;
    made.file = project_path(where.file_name());
    made.line = where.line();
    made.program = row.program;
    made.code_copy = row.code_copy;
    made.needs = row.needs;
    made.without = row.without;
    if (start.nested_paging) {
        made.needs.set(svm::Feature::np);
    }
    made.steps = row.steps;
    made.steps.emplace_back(Run{});
    made.steps.insert(made.steps.end(), row.then.begin(), row.then.end());
    for (const Step& step : row.steps) {
        if (std::holds_alternative<Call>(step)) {
            made.expectations.emplace_back(CallExpectation{});
        }
    }
    made.expectations.emplace_back(row.exit);
    made.expectations.insert(made.expectations.end(), row.then_expected.begin(),
                             row.then_expected.end());
    made.ends_machine = row.ends_machine;
    made.covers = row.covers;
    return made;
}

} // namespace

void add_guest_case(Catalogue& catalogue, const GuestRow& row, const L2Start& start,
                    const std::source_location& where) {
    each_l1_mode(row.l1_modes, [&](L1Mode l1) {
        L2Start under = start;
        under.l1 = l1;
        Case made = guest_case(row, under, where);
        if (in_reach_of_l1(made)) {
            catalogue.add(std::move(made));
        }
    });
}

std::string name_of(const svm::Field& field) {
    std::string name{field.name};
    std::ranges::replace(name, '.', '_');
    return name;
}

std::string name_of(svm::FieldRef field) {
    return name_of(svm::field_info(field));
}

std::string hex_name(std::uint64_t number) {
    std::array<char, 16> digits{};
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
    return {digits.data(), end};
}

ExitExpectation program_ends() {
    ExitExpectation exit;
    exit.rip = at_marker;
    exit.next_rip = Value{Anchor::marker, 0, 3};
    return exit;
}

} // namespace vmrunit::cases
