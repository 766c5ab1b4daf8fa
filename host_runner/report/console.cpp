// SPDX-License-Identifier: GPL-2.0-only
// See console.hpp.
#include "host_runner/report/console.hpp"
#include "host_runner/report/paint.hpp"
#include "host_runner/report/summary_text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner {
namespace {

constexpr std::string_view erase_line = "\r\x1b[K";
/// Often enough to look alive, seldom enough to cost nothing at thousands of cases a second.
constexpr std::chrono::milliseconds redraw_interval{50};
constexpr std::size_t most_fields = 24;
constexpr std::size_t most_log_lines = 8;
constexpr std::size_t most_names = 40;

bool is_problem(Verdict verdict) {
    return verdict == Verdict::fail || verdict == Verdict::error;
}

} // namespace

BlockLayout Console::block_layout() const {
    return {.width = options_.terminal.width(),
            .colour = options_.terminal.colour,
            .most_fields = most_fields,
            .most_log_lines = most_log_lines};
}

void Console::print(const std::string& text) {
    output_.write(line_shown_ ? std::string{erase_line} + text : text);
    line_shown_ = false;
}

std::string Console::progress_text(std::size_t width) const {
    std::string text = fmt::format("[{}/{}]", counts_.total(), planned_);
    const auto add = [&](std::uint32_t count, std::string_view word) {
        if (count != 0) {
            text += fmt::format(" {} {}", count, word);
        }
    };
    add(counts_[Verdict::fail], "failed");
    add(counts_[Verdict::error], "errors");
    add(counts_[Verdict::expected_fail], "xfail");
    add(counts_[Verdict::unexpected_pass], "xpass");
    add(counts_[Verdict::skip], "skipped");
    add(counts_.flaky, "flaky");
    const double elapsed = std::chrono::duration<double>(options_.now() - started_).count();
    if (counts_.total() != 0 && elapsed > 0) {
        text += fmt::format("  {:.0f}/s", counts_.total() / elapsed);
    }
    if (!current_.empty()) {
        text += "  " + current_;
    }
    return fitted(text, width);
}

void Console::draw() {
    if (options_.terminal.moving_line) {
        // One column is left free: a full line would make some terminals begin the next one.
        output_.write(
            fmt::format("{}{}", erase_line, progress_text(options_.terminal.width() - 1)));
        line_shown_ = true;
        drawn_ = options_.now();
    }
}

void Console::draw_if_due() {
    if (options_.terminal.moving_line &&
        (!line_shown_ || options_.now() - drawn_ >= redraw_interval)) {
        draw();
    }
}

void Console::progress_by_count() {
    const std::size_t step = std::max<std::size_t>(100, (planned_ + 9) / 10);
    if (!options_.terminal.moving_line && counts_.total() % step == 0 &&
        counts_.total() < planned_) {
        current_.clear();
        print(progress_text(options_.terminal.width()) + '\n');
    }
}

void Console::run_started(const RunInfo& info) {
    planned_ = info.cases;
    counts_ = {};
    blocks_ = 0;
    current_.clear();
    started_ = options_.now();
    print(fmt::format("vmrunit {}: {} cases on {}, seed {}\n", one_line(info.version), info.cases,
                      subject_text(info), info.seed));
    draw();
}

void Console::case_started(std::string_view name) {
    current_ = one_line(name);
    draw_if_due();
}

bool Console::deserves_line(const CaseResult& result) const {
    if (options_.verbose || result.verdict == Verdict::unexpected_pass || result.flaky()) {
        return true;
    }
    // A log keeps every case that is not simply right; on a terminal the summary tells of those.
    return result.verdict != Verdict::pass && !options_.terminal.moving_line;
}

void Console::case_finished(const CaseResult& result) {
    counts_.add(result);
    current_.clear();
    if (options_.brief) {
        progress_by_count();
        draw_if_due();
        return;
    }
    if (is_problem(result.verdict) && blocks_ < options_.most_blocks) {
        ++blocks_;
        print(failure_block(result, subject_text(record_.info), block_layout()) + '\n');
        if (blocks_ == options_.most_blocks) {
            print("Further failures get one line each; the report has them in full.\n");
        }
    } else if (is_problem(result.verdict) || deserves_line(result)) {
        print(case_line(result, block_layout()) + '\n');
    }
    progress_by_count();
    draw_if_due();
}

void Console::case_to_be_retried(const CaseResult& so_far) {
    current_.clear();
    if (!options_.brief && (options_.verbose || !options_.terminal.moving_line)) {
        print(case_line(so_far, block_layout()) + "  (to be run again)\n");
    }
    draw_if_due();
}

void Console::machine_event(const MachineEvent& event) {
    const bool died = event.what == MachineEvent::What::died;
    if (options_.brief || (!died && !options_.verbose)) {
        return; // A death says that a new machine follows; the summary says what that cost.
    }
    if (!died) {
        print(fmt::format("machine {} started in {:.2f} s\n", event.machine,
                          std::chrono::duration<double>(event.cost).count()));
    } else {
        print(fmt::format("machine {} died{}{}: {}\n", event.machine,
                          event.case_name.empty() ? "" : " in ", one_line(event.case_name),
                          one_line(event.text)));
    }
    draw_if_due();
}

void Console::run_finished(const RunSummary&) {
    if (options_.brief) {
        print(result_line(record_, options_.terminal.colour));
        return;
    }
    print(summary_text(record_, {.width = options_.terminal.width(),
                                 .colour = options_.terminal.colour,
                                 .most_names = most_names}));
}

} // namespace vmrunit::runner
