// SPDX-License-Identifier: GPL-2.0-only
// Coverage as one HTML page without anything from outside: a summary, the words whose bits are
// items drawn as bit maps, and every item with its cases and verdicts.
#pragma once

#include "host_runner/coverage/coverage.hpp"

#include <string>

namespace vmrunit::runner {

[[nodiscard]] std::string coverage_html(const Coverage& coverage);

} // namespace vmrunit::runner
