// SPDX-License-Identifier: GPL-2.0-only
// The last bytes of a stream that nobody bounds: a child's standard error, an emulator's log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vmrunit::runner {

/// What one read of a non-blocking descriptor brought.
enum class Arrival { bytes, nothing, end };

class TextTail {
public:
    /// What is kept by default: several screens.
    static constexpr std::size_t usual_bound = 16 * 1024;

    explicit TextTail(std::size_t bound = usual_bound) : bound_{bound} {}

    void append(std::string_view text);
    /// Appends what a non-blocking descriptor has, at most a few buffers of it at a time.
    Arrival read_from(int descriptor);

    [[nodiscard]] const std::string& text() const { return text_; }
    /// The last line with something on it, without control characters.
    [[nodiscard]] std::string last_line() const;

private:
    std::size_t bound_;
    std::string text_;
};

/// The text in one printable line: control characters and what is not ASCII become '.', white space
/// at the ends goes, and more than `limit` characters are cut from the front.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 300);

} // namespace vmrunit::runner
