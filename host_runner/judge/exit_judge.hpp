// SPDX-License-Identifier: GPL-2.0-only
// Judges one #VMEXIT: VMCB, L2's registers, watched memory and what L1 got back.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/judge/image.hpp"
#include "host_runner/judge/record.hpp"
#include "host_runner/plan/resolver.hpp"
#include "host_runner/verdict.hpp"

namespace vmrunit::runner {

struct ExitJudgement {
    std::vector<FieldDifference> differences; ///< The exit code first, whether it matches or not.
    std::uint32_t masked_bytes = 0;
    std::uint64_t exit_code = 0;
    std::uint64_t saved_rip = 0;
};

[[nodiscard]] ExitJudgement judge_exit(const cases::ExitExpectation& expectation,
                                       const BeforeImage& before, const Observation& seen,
                                       const Resolver& resolve, const L2Start& start,
                                       const svm::Features& features);

} // namespace vmrunit::runner
