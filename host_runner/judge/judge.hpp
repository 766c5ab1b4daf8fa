// SPDX-License-Identifier: GPL-2.0-only
// The judge: a case, what it began with, and the record of it, give a verdict. A pure function; it
// knows neither machines nor files. The frame rule: expected changes and no others.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/judge/image.hpp"
#include "host_runner/judge/record.hpp"
#include "host_runner/plan/resolver.hpp"
#include "host_runner/verdict.hpp"

namespace vmrunit::runner {

struct JudgeInput {
    const cases::Case& subject;
    const EncodedCase& encoded;
    const Resolver& resolve;
    const PristineArena& pristine;
    const svm::Features& features; ///< As L1 read them.
};

/// Fills verdict, reason, fields, code, masked bytes and exit code; the rest of the result is the
/// session's to say.
[[nodiscard]] CaseResult judge(const JudgeInput& input, const Record& record);

} // namespace vmrunit::runner
