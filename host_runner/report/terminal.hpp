// SPDX-License-Identifier: GPL-2.0-only
// What the place the console writes to can do: colour, a line that is overwritten, how wide it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace vmrunit::runner {

enum class ColourMode : std::uint8_t { automatic, always, never };

/// "auto", "always", "never".
[[nodiscard]] std::optional<ColourMode> colour_mode_from(std::string_view word);

struct Terminal {
    bool moving_line = false; ///< A line may be overwritten in place.
    bool colour = false;      ///< Escape sequences for colour are understood.
    std::function<std::size_t()> width = [] { return std::size_t{100}; }; ///< Asked at each use.
};

/// Looks at the descriptor and at NO_COLOR, TERM and COLUMNS.
[[nodiscard]] Terminal terminal_of(int descriptor, ColourMode mode);

} // namespace vmrunit::runner
