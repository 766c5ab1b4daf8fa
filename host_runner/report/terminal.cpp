// SPDX-License-Identifier: GPL-2.0-only
// See terminal.hpp.
#include "host_runner/report/terminal.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

constexpr std::size_t usual_width = 80;
constexpr std::size_t least_width = 20;

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::size_t width_of(int descriptor) {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
        return std::max<std::size_t>(size.ws_col, least_width);
    }
    std::size_t width = 0;
    const std::string_view wish = environment("COLUMNS");
    const auto parsed = std::from_chars(wish.data(), wish.data() + wish.size(), width);
    return parsed.ec == std::errc{} && width >= least_width ? width : usual_width;
}

} // namespace

std::optional<ColourMode> colour_mode_from(std::string_view word) {
    if (word == "auto") {
        return ColourMode::automatic;
    }
    if (word == "always") {
        return ColourMode::always;
    }
    if (word == "never") {
        return ColourMode::never;
    }
    return std::nullopt;
}

Terminal terminal_of(int descriptor, ColourMode mode) {
    const bool capable = ::isatty(descriptor) == 1 && environment("TERM") != "dumb";
    Terminal terminal;
    terminal.moving_line = capable;
    terminal.colour = mode == ColourMode::always ||
                      (mode == ColourMode::automatic && capable && environment("NO_COLOR").empty());
    if (capable) {
        terminal.width = [descriptor] { return width_of(descriptor); };
    }
    return terminal;
}

} // namespace vmrunit::runner
