// SPDX-License-Identifier: GPL-2.0-only
// The VMRUNs of a case, each with the VMCB it begins with as far as the case itself says: the fresh
// one and the writes before it. What an exit in between stores is not in it.
#pragma once

#include "cases/model/case.hpp"

#include "harness/svm/vmcb.hpp"

#include <functional>

namespace vmrunit::cases {

struct Vmrun {
    const svm::Vmcb& before;
    const svm::Vmcb& fresh;
    /// Of the Run, or of the Call of a routine that may make some.
    const Expectation& expected;
    bool is_first;

    /// nullptr: it does not get as far as an exit, or a routine says what happens.
    [[nodiscard]] const ExitExpectation* exit() const {
        return std::get_if<ExitExpectation>(&expected);
    }
};

void each_vmrun(const Case& one, const std::function<void(const Vmrun&)>& visit);

/// The VMCB with the writes that stand before the first Run.
[[nodiscard]] svm::Vmcb vmcb_at_first_run(const Case& one);

/// What a value stands for. Addresses are those of an arena and a program that nobody has: one
/// differs from every other, and that is all there is to them.
[[nodiscard]] std::uint64_t sample_of(const Value& value, const L2Start& start);

} // namespace vmrunit::cases
