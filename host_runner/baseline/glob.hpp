// SPDX-License-Identifier: GPL-2.0-only
// Globs over case names: `*` stands for any characters, `/` among them, `?` for one. As in
// GTEST_FILTER; nothing else is special.
#pragma once

#include <string_view>

namespace vmrunit::runner {

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

} // namespace vmrunit::runner
