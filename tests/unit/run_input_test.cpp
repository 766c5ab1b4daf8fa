// SPDX-License-Identifier: GPL-2.0-only
// What a command makes of its options before a run.
#include "host_runner/cli/run_input.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

TEST(RunInput, TheCommandThatRepeatsACaseJudgesItTheSameWay) {
    CommonOptions common;
    EXPECT_EQ(repeat_options(common, "qemu"), "--target qemu");
    common.baseline = "none";
    EXPECT_EQ(repeat_options(common, "qemu"), "--target qemu --baseline none");
    common.target_options.kernel = "/linux/bzImage";
    common.baseline = "own.toml";
    EXPECT_EQ(repeat_options(common, "lab"),
              "--target lab --kernel /linux/bzImage --baseline own.toml");
}

} // namespace
} // namespace vmrunit::runner
