// SPDX-License-Identifier: GPL-2.0-only
// What a matrix says in words, the same on a terminal and on a page.
#pragma once

#include "host_runner/matrix/matrix_groups.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

[[nodiscard]] std::string_view heading_of(MatrixTopic topic);

/// Whose deviation it is, and by what evidence: "KVM 6.1: holds on lab:6.12".
[[nodiscard]] std::string attribution_text(const Attribution& attribution);

/// What was seen, and whose it is: one line for all the targets of which the same is true, after
/// their numbers from 1 on ("1 3: control.exit_code").
[[nodiscard]] std::vector<std::string> explanations_of(const MatrixRow& row);

} // namespace vmrunit::runner
