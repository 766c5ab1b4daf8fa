// SPDX-License-Identifier: GPL-2.0-only
// Temporary folders go with their owner, be it by return, Ctrl-C or SIGKILL.
#include "host_runner/files/temporary_folder.hpp"

#include "tests/unit/process_watch.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace vmrunit::runner {
namespace {

constexpr std::chrono::milliseconds patience{20'000};

bool vanishes_within(const std::filesystem::path& path, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::filesystem::exists(path)) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        ::poll(nullptr, 0, 1);
    }
    return true;
}

void fill(const std::filesystem::path& folder) {
    std::filesystem::create_directory(folder / "inner folder");
    std::ofstream{folder / "inner folder" / "file"} << "content";
}

TEST(TemporaryFolder, IsPrivateAndGoesWithItsOwner) {
    std::filesystem::path path;
    {
        auto folder = TemporaryFolder::create();
        ASSERT_TRUE(folder) << folder.error().line();
        path = folder->path();
        struct stat status {};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777u, 0700u);
        fill(path);
        const TemporaryFolder moved{std::move(*folder)};
        EXPECT_TRUE(std::filesystem::exists(moved.path() / "inner folder" / "file"));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(no_children_left());
}

TEST(TemporaryFolder, TwoAreTwo) {
    const auto first = TemporaryFolder::create();
    const auto second = TemporaryFolder::create();
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->path(), second->path());
}

TEST(TemporaryFolder, SaysWhereItCannotBeMade) {
    const char* const before = std::getenv("TMPDIR");
    const std::string kept = before != nullptr ? before : "";
    ::setenv("TMPDIR", "/proc/vmrunit nowhere", 1);
    const auto folder = TemporaryFolder::create();
    before != nullptr ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
    ASSERT_FALSE(folder);
    EXPECT_TRUE(folder.error().what.starts_with("cannot create the folder /proc/vmrunit nowhere/"));
    EXPECT_TRUE(no_children_left());
}

class TemporaryFolderOfADeadRunner : public testing::TestWithParam<int> {};

TEST_P(TemporaryFolderOfADeadRunner, IsRemoved) {
    auto line = open_pipe_to_read();
    ASSERT_TRUE(line);
    const pid_t runner = ::fork();
    if (runner == 0) {
        ::signal(GetParam(), SIG_DFL);
        const auto folder = TemporaryFolder::create();
        const std::string text = (folder ? folder->path().string() : "") + "\n";
        if (folder) {
            fill(folder->path());
        }
        static_cast<void>(!::write(line->theirs.number(), text.data(), text.size()));
        for (;;) {
            ::pause();
        }
    }
    ASSERT_GT(runner, 0);
    const std::filesystem::path path = read_line(line->ours.number());
    EXPECT_TRUE(std::filesystem::exists(path / "inner folder" / "file"));
    ::kill(runner, GetParam());
    EXPECT_EQ(::waitpid(runner, nullptr, 0), runner);
    EXPECT_TRUE(vanishes_within(path, patience));
}

INSTANTIATE_TEST_SUITE_P(By, TemporaryFolderOfADeadRunner,
                         testing::Values(SIGINT, SIGTERM, SIGHUP, SIGKILL),
                         [](const auto& information) {
                             return std::string{::sigabbrev_np(information.param)};
                         });

} // namespace
} // namespace vmrunit::runner
