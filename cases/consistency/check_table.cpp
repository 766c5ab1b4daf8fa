// SPDX-License-Identifier: GPL-2.0-only
#include "cases/consistency/check_table.hpp"

#include "cases/consistency/violations.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include <string>

namespace vmrunit::cases {

void Checks::refused(std::string_view name, std::string_view title, std::vector<Step> setup,
                     const CheckOptions& options, const std::source_location& where) {
    add(name, title, std::move(setup), options, refusal(), where);
}

void Checks::entered(std::string_view name, std::string_view title, std::vector<Step> setup,
                     std::vector<FieldExpectation> fields, const CheckOptions& options,
                     const std::source_location& where) {
    ExitExpectation exit;
    exit.fields = std::move(fields);
    add(name, title, std::move(setup), options, std::move(exit), where);
}

void Checks::refused_bits(std::string_view subject, std::string_view title, svm::FieldRef place,
                          std::uint64_t bits, const CheckOptions& options,
                          const std::source_location& where) {
    for (unsigned number = 0; number < 64; ++number) {
        if ((bits & bit(number)) != 0) {
            refused(std::string{subject} + "/bit_" + std::to_string(number), title,
                    {vmcb_set(place, bit(number))}, options, where);
        }
    }
}

void Checks::add(std::string_view name, std::string_view title, std::vector<Step> steps,
                 const CheckOptions& options, ExitExpectation exit,
                 const std::source_location& where) {
    const std::string full = "consistency/" + std::string{name};
    steps.emplace_back(Run{});
    add_l1_case(catalogue_,
                {.name = full,
                 .title = title,
                 .manual = options.manual,
                 .needs = options.needs,
                 .without = options.without,
                 .mode = options.mode,
                 .nested_paging = options.nested_paging,
                 .l1_modes = options.l1_modes,
                 .steps = std::move(steps),
                 .expectations = {std::move(exit)}},
                where);
}

} // namespace vmrunit::cases
