// SPDX-License-Identifier: GPL-2.0-only
// What the PAUSE filter leaves open, for rows that count PAUSEs.
//
// The manual says two things of the end: with the count alone the exit comes when it reaches 0,
// with a threshold when it falls below. And whether a guest's first PAUSE counts down with a
// threshold, or begins the count anew, the PAUSE before it decides, which was L1's if anybody's. So
// each exit may be that of either of two PAUSEs, whose addresses differ in one bit. APM2 15.14.4.
#pragma once

#include "cases/model/case.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <vector>

namespace vmrunit::cases {

/// The exit is that of the PAUSE under test, or of the one before it. With a threshold that program
/// is fifth_pause, else fourth_pause.
[[nodiscard]] inline std::vector<FieldExpectation> one_of_last_two_pauses() {
    constexpr std::uint64_t differs = 2;
    return {{svm::field::rip, {}, differs, Match::free},
            {svm::field::next_rip, {}, ~std::uint64_t{0}, Match::free}};
}

/// What late_pause does to RFLAGS as it waits.
[[nodiscard]] inline FieldExpectation flags_of_waiting() {
    namespace flag = svm::rflags;
    return {svm::field::rflags,
            {},
            flag::cf | flag::pf | flag::af | flag::zf | flag::sf | flag::of,
            Match::free};
}

} // namespace vmrunit::cases
