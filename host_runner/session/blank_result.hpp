// SPDX-License-Identifier: GPL-2.0-only
// A result that says which case it is of, and nothing yet of what came of it.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/verdict.hpp"

namespace vmrunit::runner {

[[nodiscard]] inline CaseResult blank_result(const cases::Case& subject) {
    CaseResult result;
    result.name = subject.name;
    result.manual = subject.manual;
    result.place = {subject.file, subject.line};
    result.confirmed = subject.confirmed;
    return result;
}

} // namespace vmrunit::runner
