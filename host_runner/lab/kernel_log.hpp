// SPDX-License-Identifier: GPL-2.0-only
// The log of a lab kernel, read line by line. Knows which lines say that the kernel found fault
// with itself (WARN, BUG, oops, UBSAN, lockdep, stalls), and takes the report they begin.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// Of a line without its time stamp: does the kernel complain?
[[nodiscard]] bool is_kernel_complaint(std::string_view message);

/// The line without what the console puts before the message: "<4>", "[    1.234567] ", "[T12] ".
[[nodiscard]] std::string_view kernel_message(std::string_view line);

class KernelLog {
public:
    /// Hears each whole line, printable.
    using LineListener = std::function<void(const std::string& line)>;

    void append(std::string_view text, const LineListener& listener = {});

    /// The first complaint and what follows it, as far as it has come: its lines, at most
    /// `most_quoted`. Empty if there is none.
    [[nodiscard]] const std::vector<std::string>& complaint() const { return complaint_; }
    /// Nothing of the complaint is to come any more.
    [[nodiscard]] bool complaint_is_complete() const { return complete_; }
    [[nodiscard]] bool panicked() const { return panicked_; }
    /// The line that says what is wrong, in short; empty if there is none.
    [[nodiscard]] std::string headline() const { return headline_; }

    /// What was said so far does not count any more: the boot of a kernel is not under test.
    void forget_complaint();

    /// The last lines, oldest first.
    [[nodiscard]] const std::deque<std::string>& tail() const { return tail_; }

    static constexpr std::size_t most_quoted = 80;
    static constexpr std::size_t most_tail = 200;
    static constexpr std::size_t longest_line = 1000;

private:
    void take(std::string line, const LineListener& listener);

    std::string rest_; ///< The line that is not complete yet.
    std::deque<std::string> tail_;
    std::vector<std::string> complaint_;
    std::string headline_;
    bool complete_ = false;
    bool panicked_ = false;
    bool cut_here_ = false; ///< The line before was the ruler that announces a report.
};

} // namespace vmrunit::runner
