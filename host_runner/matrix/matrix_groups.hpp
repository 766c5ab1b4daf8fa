// SPDX-License-Identifier: GPL-2.0-only
// Rows of a matrix that say the same, as one: the same verdict on each target, for the same
// reasons, put down to the same culprits.
#pragma once

#include "host_runner/matrix/matrix.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// What a group is about, the most pressing first.
enum class MatrixTopic : std::uint8_t {
    harness,         ///< An ERROR.
    table,           ///< Nobody does what the row expects.
    undecided,       ///< More targets could tell.
    kvm,             ///< A kernel is wrong.
    cpu,             ///< A CPU is wrong.
    unexpected_pass, ///< A baseline expects a failure that did not come.
    flaky,           ///< Failed somewhere, and not when run again.
    agreement,       ///< Holds wherever it ran.
};

struct MatrixGroup {
    MatrixTopic topic = MatrixTopic::agreement;
    bool known = false;            ///< Every deviation in it is one that a baseline explains.
    std::vector<std::size_t> rows; ///< In Matrix::rows; never empty, in their order.
    std::string label;             ///< The rows' names in short: "intercept/int3/*".
};

/// Sorted: by topic, what is not known before what is, the bigger group first.
[[nodiscard]] std::vector<MatrixGroup> group_rows(const Matrix& matrix);

[[nodiscard]] MatrixTopic topic_of(const MatrixRow& row);

/// Names in short: what their beginnings have in common, or the first few beginnings.
[[nodiscard]] std::string label_of(const std::vector<std::string_view>& names);

} // namespace vmrunit::runner
