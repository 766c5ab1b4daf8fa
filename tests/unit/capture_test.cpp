// SPDX-License-Identifier: GPL-2.0-only
// Running a program to its end: what is kept of its output, and that it cannot hold the runner up.
#include "host_runner/process/capture.hpp"

#include "tests/unit/process_watch.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds ample_time{20'000};

TEST(Capture, KeepsBothStreamsAndTheStatus) {
    const auto result = capture({"/bin/sh", "-c", "echo one; echo two >&2; exit 3"}, ample_time);
    ASSERT_TRUE(result) << result.error().line();
    EXPECT_EQ(result->output, "one\n");
    EXPECT_EQ(result->errors, "two\n");
    EXPECT_EQ(result->status.code, 3);
}

TEST(Capture, KeepsTheEndOfTooMuchOutput) {
    const auto result =
        capture({"/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"},
                ample_time, 100);
    ASSERT_TRUE(result) << result.error().line();
    EXPECT_EQ(result->output.size(), 100u);
    EXPECT_TRUE(result->output.ends_with("line 19998\nline 19999\n"));
}

TEST(Capture, EndsAProgramThatDoesNotEnd) {
    const auto result = capture({"/bin/sh", "-c", "sleep 1000"}, milliseconds{50});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().what, "/bin/sh did not end within 50 ms");
    EXPECT_TRUE(no_children_left());
}

TEST(Capture, EndsAProgramThatNeverStopsTalking) {
    const auto result = capture({"/bin/sh", "-c", "while :; do echo y; done"}, milliseconds{50});
    ASSERT_FALSE(result);
    EXPECT_TRUE(no_children_left());
}

TEST(Capture, DoesNotWaitForADescendantThatHoldsTheStreams) {
    const auto result = capture({"/bin/sh", "-c", "sleep 1000 & echo done"}, ample_time);
    ASSERT_TRUE(result) << result.error().line();
    EXPECT_EQ(result->output, "done\n");
    EXPECT_TRUE(result->status.succeeded());
}

TEST(Capture, SaysWhichProgramIsMissing) {
    const auto result = capture({"vmrunit-no-such-program"}, ample_time);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().what, "vmrunit-no-such-program: not found in PATH");
}

} // namespace
} // namespace vmrunit::runner
