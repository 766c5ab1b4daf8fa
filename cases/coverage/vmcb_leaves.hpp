// SPDX-License-Identifier: GPL-2.0-only
// The field list of the VMCB as what items are made of: fields without named bits, and runs of
// bits.
#pragma once

#include "harness/svm/vmcb.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace vmrunit::cases {

/// A field without named bits, or a run of them: the smallest thing there is an item of.
struct Leaf {
    const svm::Field* part;
    const svm::Field* word; ///< The field that it is, or is part of.

    [[nodiscard]] std::size_t first_bit() const { return part->offset * 8u + part->bit_lo; }
    [[nodiscard]] bool is_narrow() const { return part->bit_count <= 64; }
    /// Its value; of a wide one the lowest 64 bits.
    [[nodiscard]] std::uint64_t in(const svm::Vmcb& vmcb) const;
    [[nodiscard]] bool differs(const svm::Vmcb& left, const svm::Vmcb& right) const;
    [[nodiscard]] bool has_all_bits_set(const svm::Vmcb& vmcb) const;
};

/// All of them, in the order of the list.
[[nodiscard]] const std::vector<Leaf>& vmcb_leaves();

/// The field itself where it has no named bits, else each run of them.
[[nodiscard]] std::vector<Leaf> leaves_of(const svm::Field& word);

/// Every leaf in which two pages differ.
void each_difference(const svm::Vmcb& left, const svm::Vmcb& right,
                     const std::function<void(const Leaf&)>& visit);

} // namespace vmrunit::cases
