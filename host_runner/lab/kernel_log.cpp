// SPDX-License-Identifier: GPL-2.0-only
// Reading a kernel's log.
#include "host_runner/lab/kernel_log.hpp"

#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vmrunit::runner {

namespace {

constexpr std::string_view panic = "Kernel panic - not syncing";
constexpr std::string_view end_of_panic = "---[ end Kernel panic";
constexpr std::string_view end_of_report = "---[ end trace";
constexpr std::string_view ruler = "------------[ cut here ]------------";

// clang-format off
/// How messages begin by which a kernel says that something in it is wrong.
constexpr std::array complaint_fronts{
    std::string_view{"WARNING: "},             // WARN, and lockdep's reports
    std::string_view{"BUG: "},                 // page faults, KASAN, sleeping while atomic, ...
    std::string_view{"BUG "},                  // SLUB, of the cache that it names
    std::string_view{"[ BUG: "},               // lockdep, of a context
    std::string_view{"kernel BUG at "},
    std::string_view{"watchdog: BUG: "},       // soft lockup
    std::string_view{"watchdog: CPU"},         // hard lockup, and its older form
    std::string_view{"NMI watchdog: Watchdog detected "},
    std::string_view{"Oops: "},
    std::string_view{"UBSAN: "},
    std::string_view{"general protection fault"},
    std::string_view{"invalid opcode: "},
    std::string_view{"divide error: "},
    std::string_view{"double fault: "},
    std::string_view{"stack segment: "},
    std::string_view{"int3: "},
    std::string_view{"unchecked MSR access error: "},
    std::string_view{"PANIC: "},
    std::string_view{"INFO: task "},           // hung task
    std::string_view{"INFO: possible "},       // lockdep of older kernels
    std::string_view{"INFO: inconsistent "},
    std::string_view{"INFO: trying to register "},
    std::string_view{"INFO: rcu"},             // stalls
    std::string_view{"rcu: INFO: "},
    std::string_view{"rcu: rcu_"},             // kthread starved
    std::string_view{"list_add corruption"},
    std::string_view{"list_del corruption"},
    std::string_view{"refcount_t: "},
    std::string_view{"Kernel panic - not syncing"},
};
// clang-format on

bool is_digit_or_space(char character) {
    return (character >= '0' && character <= '9') || character == ' ' || character == '.';
}

} // namespace

std::string_view kernel_message(std::string_view line) {
    if (line.starts_with('<')) {
        const auto end = line.find('>');
        if (end != std::string_view::npos && end <= 4) {
            line.remove_prefix(end + 1);
        }
    }
    for (int part = 0; part < 2 && line.starts_with('['); ++part) { // the time, the caller
        const auto end = line.find("] ");
        if (end == std::string_view::npos) {
            break;
        }
        const auto inside = line.substr(1, end - 1);
        const bool is_time = std::ranges::all_of(inside, is_digit_or_space);
        const auto number = inside.find_first_not_of(' ');
        const bool is_caller = number != std::string_view::npos &&
                               (inside[number] == 'T' || inside[number] == 'C') &&
                               std::ranges::all_of(inside.substr(number + 1), is_digit_or_space);
        if (!is_time && !is_caller) {
            break;
        }
        line.remove_prefix(end + 2);
    }
    return line;
}

bool is_kernel_complaint(std::string_view message) {
    return std::ranges::any_of(
        complaint_fronts, [message](std::string_view front) { return message.starts_with(front); });
}

void KernelLog::append(std::string_view text, const LineListener& listener) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        rest_ += text.substr(0, std::min(end, longest_line));
        if (end == std::string_view::npos && rest_.size() <= longest_line) {
            return;
        }
        rest_.resize(std::min(rest_.size(), longest_line));
        take(printable(std::exchange(rest_, {}), longest_line), listener);
        text.remove_prefix(std::min(end, text.size() - 1) + 1);
    }
}

void KernelLog::forget_complaint() {
    complaint_.clear();
    headline_.clear();
    complete_ = false;
    panicked_ = false;
}

void KernelLog::take(std::string line, const LineListener& listener) {
    const auto message = kernel_message(line);
    const bool is_complaint = is_kernel_complaint(message);
    if (headline_.empty() && is_complaint) {
        headline_ = message;
        if (cut_here_ && !tail_.empty()) {
            complaint_.push_back(tail_.back());
        }
    }
    if (!headline_.empty() && complaint_.size() < most_quoted) {
        complaint_.push_back(line);
    }
    panicked_ = panicked_ || message.starts_with(panic);
    if (!headline_.empty()) {
        complete_ = complete_ || message.starts_with(end_of_panic) ||
                    (message.starts_with(end_of_report) && !panicked_);
    }
    cut_here_ = message == ruler;
    if (listener) {
        listener(line);
    }
    tail_.push_back(std::move(line));
    if (tail_.size() > most_tail) {
        tail_.pop_front();
    }
}

} // namespace vmrunit::runner
