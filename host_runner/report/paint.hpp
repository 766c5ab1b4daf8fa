// SPDX-License-Identifier: GPL-2.0-only
// Colour, or none of it: the one place that knows escape sequences for it.
#pragma once

#include "host_runner/verdict.hpp"

#include <fmt/color.h>
#include <string>
#include <string_view>

namespace vmrunit::runner {

class Paint {
public:
    explicit Paint(bool on) : on_{on} {}

    [[nodiscard]] std::string in(fmt::text_style style, std::string_view text) const {
        return on_ ? fmt::format(style, "{}", text) : std::string{text};
    }
    [[nodiscard]] std::string bold(std::string_view text) const {
        return in(fmt::emphasis::bold, text);
    }
    [[nodiscard]] std::string wrong(std::string_view text) const {
        return in(fmt::fg(fmt::terminal_color::red), text);
    }
    [[nodiscard]] std::string right(std::string_view text) const {
        return in(fmt::fg(fmt::terminal_color::green), text);
    }
    [[nodiscard]] std::string verdict(Verdict verdict) const {
        return in(style(verdict), to_string(verdict));
    }
    [[nodiscard]] static fmt::text_style style(Verdict verdict);
    [[nodiscard]] static fmt::text_style style(const CaseResult& result) {
        return style(result.flaky() ? Verdict::unexpected_pass : result.verdict);
    }

private:
    bool on_;
};

inline fmt::text_style Paint::style(Verdict verdict) {
    using fmt::terminal_color;
    switch (verdict) {
    case Verdict::pass:
        return fmt::fg(terminal_color::green);
    case Verdict::fail:
        return fmt::emphasis::bold | fmt::fg(terminal_color::red);
    case Verdict::error:
        return fmt::emphasis::bold | fmt::fg(terminal_color::magenta);
    case Verdict::skip:
    case Verdict::expected_fail:
        return fmt::fg(terminal_color::yellow);
    case Verdict::unexpected_pass:
        return fmt::fg(terminal_color::cyan);
    }
    return {};
}

} // namespace vmrunit::runner
