// SPDX-License-Identifier: GPL-2.0-only
// The console on a terminal and in a pipe, with a clock that the test winds.
#include "host_runner/report/console.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace vmrunit::runner {
namespace {

using samples::StringOutput;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* erase_line = "\r\x1b[K";

/// A console, what it wrote, and its clock. Everything told passes the recorder first, as in a run.
struct Watched {
    explicit Watched(bool terminal, bool verbose = false, std::size_t width = 80) {
        options.terminal.moving_line = terminal;
        options.terminal.width = [width] { return width; };
        options.verbose = verbose;
        options.now = [this] { return time; };
    }
    void start(std::size_t cases) {
        console.emplace(output, recorder.record(), options);
        recorder.run_started(samples::run_info(cases));
        console->run_started(samples::run_info(cases));
    }
    void run(const CaseResult& result) {
        recorder.case_started(result.name);
        console->case_started(result.name);
        time += std::chrono::milliseconds{100};
        recorder.case_finished(result);
        console->case_finished(result);
    }
    void finish(const RunSummary& summary) {
        recorder.run_finished(summary);
        console->run_finished(summary);
    }
    std::string taken() { return std::exchange(output.text, {}); }

    StringOutput output;
    Recorder recorder;
    ConsoleOptions options;
    std::chrono::steady_clock::time_point time{};
    std::optional<Console> console;
};

/// What is left to see on a terminal after `text`: the last thing written on each line.
std::string seen(const std::string& text) {
    std::string lines;
    std::string line;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text.compare(at, 4, erase_line) == 0) {
            line.clear();
            at += 3;
        } else if (text[at] == '\n') {
            lines += line + '\n';
            line.clear();
        } else {
            line += text[at];
        }
    }
    return lines + line;
}

TEST(ConsoleInPipe, HasNoControlCharacters) {
    Watched pipe{false};
    const auto results = samples::every_verdict();
    pipe.start(results.size());
    for (const CaseResult& result : results) {
        pipe.run(result);
    }
    pipe.finish(samples::summary_of(results));
    for (const char c : pipe.output.text) {
        ASSERT_TRUE(c == '\n' || (c >= ' ' && c < '\x7f')) << static_cast<int>(c);
    }
}

TEST(ConsoleInPipe, OneLineForEachCaseThatIsNotSimplyRight) {
    Watched pipe{false};
    pipe.start(8);
    EXPECT_EQ(pipe.taken(), "vmrunit 0.1.0: 8 cases on qemu (QEMU 7.2.22, TCG), seed 7\n");
    pipe.run(samples::passing("a/b/c"));
    EXPECT_EQ(pipe.taken(), "");
    pipe.run(samples::with(Verdict::skip, "a/b/d", "needs rdpru"));
    EXPECT_EQ(pipe.taken(), "SKIP   a/b/d  needs rdpru\n");
    pipe.run(samples::with(Verdict::expected_fail, "a/b/e", "known"));
    EXPECT_EQ(pipe.taken(), "XFAIL  a/b/e  known\n");
    pipe.run(samples::with(Verdict::unexpected_pass, "a/b/f", "no longer"));
    EXPECT_EQ(pipe.taken(), "XPASS  a/b/f  no longer\n");
    pipe.run(samples::with(Verdict::fail, "a/b/g", "triple fault"));
    EXPECT_EQ(pipe.taken(), "FAIL a/b/g on qemu (QEMU 7.2.22, TCG)\n  triple fault\n\n");
}

TEST(ConsoleInPipe, VerboseShowsPassesToo) {
    Watched pipe{false, true};
    pipe.start(1);
    pipe.taken();
    pipe.run(samples::passing("a/b/c"));
    EXPECT_EQ(pipe.taken(), "PASS   a/b/c\n");
}

TEST(ConsoleInPipe, ProgressComesByCount) {
    Watched pipe{false};
    pipe.start(250);
    pipe.taken();
    for (int done = 0; done < 250; ++done) {
        pipe.run(samples::passing("a/b/c"));
    }
    EXPECT_EQ(pipe.taken(), "[100/250]  10/s\n[200/250]  10/s\n");
}

TEST(ConsoleOnTerminal, OneLineMoves) {
    Watched terminal{true};
    terminal.start(3);
    terminal.run(samples::passing("a/b/c"));
    terminal.console->case_started("a/b/d");
    terminal.time += std::chrono::milliseconds{100};
    terminal.console->idle();
    EXPECT_EQ(seen(terminal.taken()),
              "vmrunit 0.1.0: 3 cases on qemu (QEMU 7.2.22, TCG), seed 7\n[1/3]  5/s  a/b/d");
}

TEST(ConsoleOnTerminal, SkipsAreCountedAndFailuresPrinted) {
    Watched terminal{true};
    terminal.start(4);
    terminal.taken();
    terminal.run(samples::with(Verdict::skip, "a/b/c", "needs rdpru"));
    terminal.run(samples::with(Verdict::expected_fail, "a/b/d", "known"));
    terminal.run(samples::with(Verdict::fail, "a/b/e", "triple fault"));
    const std::string text = terminal.taken();
    EXPECT_EQ(seen(text), "FAIL a/b/e on qemu (QEMU 7.2.22, TCG)\n  triple fault\n\n"
                          "[3/4] 1 failed 1 xfail 1 skipped  10/s");
}

TEST(ConsoleOnTerminal, TheMovingLineFitsAndIsGoneAtTheEnd) {
    Watched terminal{true, false, 40};
    terminal.start(2);
    const CaseResult result = samples::passing("area/" + std::string(200, 'x'));
    terminal.run(result);
    terminal.console->idle();
    for (const std::string& text = terminal.output.text;
         const std::size_t at : {text.rfind(erase_line)}) {
        EXPECT_LT(text.size() - at - 4, 40u);
    }
    terminal.run(result);
    terminal.finish(samples::summary_of({result, result}));
    EXPECT_THAT(seen(terminal.output.text), Not(HasSubstr("[2/2]")));
    EXPECT_THAT(terminal.output.text, EndsWith("\n"));
}

TEST(ConsoleOnTerminal, RedrawsSeldom) {
    Watched terminal{true};
    terminal.start(10000);
    terminal.taken();
    for (int done = 0; done < 10000; ++done) {
        terminal.console->case_started("a/b/c");
        terminal.time += std::chrono::microseconds{100};
        terminal.console->case_finished(samples::passing("a/b/c"));
    }
    // One second of fake time at one redraw in 50 ms.
    const std::string text = terminal.taken();
    std::size_t redraws = 0;
    for (std::size_t at = 0; (at = text.find(erase_line, at)) != std::string_view::npos; ++at) {
        ++redraws;
    }
    EXPECT_LE(redraws, 21u);
    EXPECT_GE(redraws, 15u);
}

TEST(Console, AFloodOfFailuresIsCutToLines) {
    Watched pipe{false};
    pipe.options.most_blocks = 2;
    pipe.start(4);
    pipe.taken();
    pipe.run(samples::with(Verdict::fail, "a/b/1", "why"));
    pipe.run(samples::with(Verdict::fail, "a/b/2", "why"));
    EXPECT_THAT(pipe.taken(), EndsWith("one line each; the report has them in full.\n"));
    pipe.run(samples::with(Verdict::error, "a/b/3", "why"));
    EXPECT_EQ(pipe.taken(), "ERROR  a/b/3  why\n");
}

TEST(Console, ADeathIsOneLine) {
    Watched pipe{false};
    pipe.start(1);
    pipe.taken();
    MachineEvent event{.what = MachineEvent::What::started,
                       .machine = 1,
                       .text = {},
                       .case_name = {},
                       .cost = std::chrono::milliseconds{300}};
    pipe.console->machine_event(event);
    EXPECT_EQ(pipe.taken(), "");
    event = {.what = MachineEvent::What::died,
             .machine = 1,
             .text = "emulator died: " + samples::hostile,
             .case_name = "a/b/c",
             .cost = {}};
    pipe.console->machine_event(event);
    const std::string line = pipe.taken();
    EXPECT_THAT(line, StartsWith("machine 1 died in a/b/c: emulator died: \\x1b[2J\\nok 99"));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(Console, NoticesEraseTheMovingLineFirst) {
    Watched terminal{true};
    terminal.start(1);
    terminal.taken();
    terminal.console->notice("vmrunit: cannot write x: No space left on device");
    EXPECT_EQ(terminal.taken(),
              std::string{erase_line} + "vmrunit: cannot write x: No space left on device\n");
}

TEST(Colour, ModesByName) {
    EXPECT_EQ(colour_mode_from("auto"), ColourMode::automatic);
    EXPECT_EQ(colour_mode_from("always"), ColourMode::always);
    EXPECT_EQ(colour_mode_from("never"), ColourMode::never);
    EXPECT_EQ(colour_mode_from("yes"), std::nullopt);
}

TEST(Colour, APipeHasNeitherColourNorMovingLineUnlessAsked) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_FALSE(terminal_of(ends[1], ColourMode::automatic).colour);
    EXPECT_FALSE(terminal_of(ends[1], ColourMode::automatic).moving_line);
    EXPECT_TRUE(terminal_of(ends[1], ColourMode::always).colour);
    EXPECT_FALSE(terminal_of(ends[1], ColourMode::always).moving_line);
    ::close(ends[0]);
    ::close(ends[1]);
}

} // namespace
} // namespace vmrunit::runner
