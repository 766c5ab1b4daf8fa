// SPDX-License-Identifier: GPL-2.0-only
// Folders of runs: names, `latest`, and what is removed and what is not.
#include "host_runner/report/run_folder.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;
using samples::ScratchFolder;

constexpr auto time_of_run =
    std::chrono::system_clock::time_point{std::chrono::seconds{1'000'000'000}};

/// A number that no process has: that of a child which is gone.
pid_t dead_pid() {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    return child;
}

TEST(RunFolder, NameTellsTimeTargetAndProcess) {
    const ScratchFolder state;
    const fs::path runs = state.path / "vmrunit/runs";
    const auto folder = create_run_folder(runs, "lab:6.12,npt=0", time_of_run);
    ASSERT_TRUE(folder) << folder.error().line();
    EXPECT_EQ(folder->filename(), "20010909T014640Z-lab_6.12_npt=0-" + std::to_string(::getpid()));
    EXPECT_TRUE(fs::is_directory(*folder));
}

TEST(RunFolder, TargetCannotLeaveTheFolder) {
    const ScratchFolder runs;
    const auto folder = create_run_folder(runs.path, "../../etc\n\xff", time_of_run);
    ASSERT_TRUE(folder);
    EXPECT_EQ(folder->parent_path(), runs.path);
    EXPECT_EQ(folder->filename().string().find("20010909T014640Z-.._.._etc__-"), 0u);
}

TEST(RunFolder, RunsOfTheSameSecondDoNotShare) {
    const ScratchFolder runs;
    const auto first = create_run_folder(runs.path, "qemu", time_of_run);
    const auto second = create_run_folder(runs.path, "qemu", time_of_run);
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, *second);
}

TEST(RunFolder, LatestFollows) {
    const ScratchFolder runs;
    const auto first = create_run_folder(runs.path, "qemu", time_of_run);
    const auto second = create_run_folder(runs.path, "qemu", time_of_run);
    ASSERT_TRUE(first && second);
    point_latest_at(*first);
    EXPECT_TRUE(fs::equivalent(runs.path / "latest", *first));
    point_latest_at(*second);
    EXPECT_TRUE(fs::equivalent(runs.path / "latest", *second));
    EXPECT_EQ(std::distance(fs::directory_iterator{runs.path}, fs::directory_iterator{}), 3);
}

TEST(RunFolder, KeepsTheNewest) {
    const ScratchFolder runs;
    const std::string dead = std::to_string(dead_pid());
    for (int day = 10; day < 30; ++day) {
        samples::put_file(runs.path / ("200001" + std::to_string(day) + "T000000Z-qemu-" + dead) /
                              "results.jsonl",
                          "x");
    }
    ASSERT_TRUE(create_run_folder(runs.path, "qemu", time_of_run, 5));
    std::vector<std::string> left;
    for (const auto& entry : fs::directory_iterator{runs.path}) {
        left.push_back(entry.path().filename().string().substr(0, 8));
    }
    EXPECT_THAT(left, testing::UnorderedElementsAre("20000126", "20000127", "20000128", "20000129",
                                                    "20010909"));
}

TEST(RunFolder, RemovesNothingElse) {
    const ScratchFolder runs;
    const ScratchFolder outside;
    const std::string dead = std::to_string(dead_pid());
    samples::put_file(outside.path / "precious", "x");
    const std::vector<std::string> foreign{"notes", "20000101T000000Z", "20000101T000000Z-qemu",
                                           "20000101T000000Z-qemu-x"};
    for (const std::string& name : foreign) {
        fs::create_directory(runs.path / name);
    }
    samples::put_file(runs.path / ("20000101T000001Z-qemu-" + dead), "a file");
    fs::create_directory_symlink(outside.path, runs.path / ("20000101T000002Z-qemu-" + dead));
    const std::string running = "20000101T000003Z-qemu-" + std::to_string(::getpid());
    fs::create_directory(runs.path / running);
    ASSERT_TRUE(create_run_folder(runs.path, "qemu", time_of_run, 1));
    for (const std::string& name : foreign) {
        EXPECT_TRUE(fs::exists(runs.path / name)) << name;
    }
    EXPECT_TRUE(fs::exists(runs.path / ("20000101T000001Z-qemu-" + dead)));
    EXPECT_TRUE(fs::exists(outside.path / "precious"));
    EXPECT_TRUE(fs::exists(runs.path / running)) << "its run still goes on";
}

TEST(RunFolder, TellsWhyNot) {
    const auto folder = create_run_folder("/proc/nowhere", "qemu", time_of_run);
    ASSERT_FALSE(folder);
    EXPECT_THAT(folder.error().what, testing::HasSubstr("cannot create /proc/nowhere"));
    EXPECT_NE(folder.error().cure, "");
}

TEST(RunFolder, DefaultFollowsTheEnvironment) {
    const char* state = std::getenv("XDG_STATE_HOME");
    const char* home = std::getenv("HOME");
    const std::optional<std::string> old_state =
        state ? std::optional<std::string>{state} : std::nullopt;
    const std::optional<std::string> old_home =
        home ? std::optional<std::string>{home} : std::nullopt;
    ::setenv("HOME", "/home/somebody", 1);
    ::setenv("XDG_STATE_HOME", "/state", 1);
    EXPECT_EQ(default_runs_folder().value(), "/state/vmrunit/runs");
    ::setenv("XDG_STATE_HOME", "relative/is/ignored", 1);
    EXPECT_EQ(default_runs_folder().value(), "/home/somebody/.local/state/vmrunit/runs");
    ::unsetenv("XDG_STATE_HOME");
    EXPECT_EQ(default_runs_folder().value(), "/home/somebody/.local/state/vmrunit/runs");
    ::unsetenv("HOME");
    const auto of_user = default_runs_folder();
    EXPECT_TRUE(!of_user || of_user->is_absolute());
    if (old_state) {
        ::setenv("XDG_STATE_HOME", old_state->c_str(), 1);
    }
    if (old_home) {
        ::setenv("HOME", old_home->c_str(), 1);
    }
}

} // namespace
} // namespace vmrunit::runner
