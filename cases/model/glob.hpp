// SPDX-License-Identifier: GPL-2.0-only
// Globs over case names: `*` stands for any characters, `/` among them, `?` for one. As in
// GTEST_FILTER; nothing else is special.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace vmrunit::cases {

[[nodiscard]] constexpr bool glob_matches(std::string_view glob, std::string_view text) {
    // On a mismatch only the last star can take one character more: linear space, no recursion.
    std::size_t at = 0;
    std::size_t in = 0;
    std::size_t after_star = std::string_view::npos;
    std::size_t star_took = 0;
    while (at < text.size()) {
        if (in < glob.size() && glob[in] == '*') {
            after_star = ++in;
            star_took = at;
        } else if (in < glob.size() && (glob[in] == '?' || glob[in] == text[at])) {
            ++in;
            ++at;
        } else if (after_star != std::string_view::npos) {
            in = after_star;
            at = ++star_took;
        } else {
            return false;
        }
    }
    while (in < glob.size() && glob[in] == '*') {
        ++in;
    }
    return in == glob.size();
}

/// The glob names the case itself, or something the name is below: "event/injected_nmi" stands for
/// each of its vectors in each mode.
[[nodiscard]] inline bool row_matches(std::string_view glob, std::string_view name) {
    // Most names differ before the first star, and soon: to look for that costs more.
    const std::size_t shorter = std::min(glob.size(), name.size());
    for (std::size_t i = 0; i < shorter && glob[i] != '*' && glob[i] != '?'; ++i) {
        if (glob[i] != name[i]) {
            return false;
        }
    }
    return glob_matches(glob, name) || glob_matches(std::string{glob} + "/*", name);
}

} // namespace vmrunit::cases
