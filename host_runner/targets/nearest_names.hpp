// SPDX-License-Identifier: GPL-2.0-only
// What somebody may have meant who wrote a name that does not exist.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// Up to `limit` candidates, nearest first: those a few typing errors away, upper or lower
/// case aside, or that begin with the word. Empty if nothing is near.
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view word,
                                                     const std::vector<std::string>& candidates,
                                                     std::size_t limit = 3);

/// "did you mean a, b or c?"; empty if nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& candidates);

} // namespace vmrunit::runner
