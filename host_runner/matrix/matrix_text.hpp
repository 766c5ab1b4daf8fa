// SPDX-License-Identifier: GPL-2.0-only
// A matrix for people: what each target made of the cases, then the groups that differ, each with
// its pattern, whose deviation it is, and the evidence.
#pragma once

#include "host_runner/matrix/matrix_groups.hpp"

#include <string>

namespace vmrunit::runner {

struct MatrixLayout {
    std::size_t width = 100;
    bool colour = false;
    bool all = false;   ///< Groups on which all targets agree, too.
    bool names = false; ///< Every name of a group below it.
};

[[nodiscard]] std::string matrix_text(const Matrix& matrix, const MatrixLayout& layout);

} // namespace vmrunit::runner
