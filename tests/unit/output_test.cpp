// SPDX-License-Identifier: GPL-2.0-only
// Files that are whole or not there, full disks, devices that must not be replaced.
#include "host_runner/report/output.hpp"
#include "tests/unit/report_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;
using samples::content_of;
using samples::ScratchFolder;
using testing::HasSubstr;

std::size_t files_in(const fs::path& folder) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}));
}

TEST(Output, WhatWasWrittenIsInTheFileAtOnce) {
    const ScratchFolder folder;
    auto output = FileOutput::open(folder.path / "journal");
    ASSERT_TRUE(output);
    output->write("one\n");
    EXPECT_EQ(content_of(folder.path / "journal"), "one\n");
    output->write("two\n");
    EXPECT_EQ(content_of(folder.path / "journal"), "one\ntwo\n");
    EXPECT_FALSE(output->trouble());
}

TEST(Output, FullDiskIsRememberedOnceAndInWords) {
    auto output = FileOutput::open("/dev/full");
    ASSERT_TRUE(output);
    output->write("one\n");
    ASSERT_TRUE(output->trouble());
    EXPECT_EQ(output->trouble()->what, "cannot write /dev/full: No space left on device");
    EXPECT_NE(output->trouble()->cure, "");
    output->write("two\n");
    EXPECT_EQ(output->trouble()->what, "cannot write /dev/full: No space left on device");
}

TEST(Output, OpeningTellsWhyNot) {
    const auto output = FileOutput::open("/proc/nonexistent/folder/file");
    ASSERT_FALSE(output);
    EXPECT_THAT(output.error().what, HasSubstr("No such file or directory"));
}

TEST(Output, ABrokenPipeIsTroubleAndNotTheEnd) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::close(ends[0]);
    const auto previous = ::signal(SIGPIPE, SIG_IGN);
    FileOutput output{ends[1], "the console"};
    output.write("nobody reads this");
    ::signal(SIGPIPE, previous);
    ::close(ends[1]);
    ASSERT_TRUE(output.trouble());
    EXPECT_EQ(output.trouble()->what, "cannot write the console: Broken pipe");
}

TEST(Output, WaitsForANonBlockingPipe) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    const std::string text(1 << 20, 'x');
    std::size_t received = 0;
    std::thread reader{[&] {
        char buffer[65536];
        for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
            received += static_cast<std::size_t>(count);
        }
    }};
    FileOutput output{ends[1], "pipe"};
    output.write(text);
    ::close(ends[1]);
    reader.join();
    ::close(ends[0]);
    EXPECT_FALSE(output.trouble());
    EXPECT_EQ(received, text.size());
}

TEST(Output, WholeFileReplacesTheOldOneAndLeavesNothingBeside) {
    const ScratchFolder folder;
    const fs::path path = folder.path / "r.xml";
    samples::put_file(path, "old and longer");
    EXPECT_EQ(write_whole_file(path, "new"), std::nullopt);
    EXPECT_EQ(content_of(path), "new");
    EXPECT_EQ(files_in(folder.path), 1u);
}

TEST(Output, DevicesAndLinksAreWrittenThroughAndNotReplaced) {
    const auto trouble = write_whole_file("/dev/full", "text");
    ASSERT_TRUE(trouble);
    EXPECT_THAT(trouble->what, HasSubstr("/dev/full: No space left"));
    struct stat status {};
    ASSERT_EQ(::stat("/dev/full", &status), 0);
    EXPECT_TRUE(S_ISCHR(status.st_mode));

    const ScratchFolder folder;
    fs::create_symlink(folder.path / "real", folder.path / "link");
    EXPECT_EQ(write_whole_file(folder.path / "link", "text"), std::nullopt);
    EXPECT_TRUE(fs::is_symlink(folder.path / "link"));
    EXPECT_EQ(content_of(folder.path / "real"), "text");
}

TEST(Output, BadDestinationsAreKnownBeforeTheRun) {
    const ScratchFolder folder;
    EXPECT_EQ(cannot_write("-"), std::nullopt);
    EXPECT_EQ(cannot_write("/dev/full"), std::nullopt);
    EXPECT_EQ(cannot_write(folder.path / "new.xml"), std::nullopt);
    ASSERT_TRUE(cannot_write(folder.path));
    EXPECT_THAT(cannot_write(folder.path)->what, HasSubstr("it is a folder"));
    ASSERT_TRUE(cannot_write(folder.path / "missing/new.xml"));
    EXPECT_THAT(cannot_write(folder.path / "missing/new.xml")->what, HasSubstr("No such file"));
    EXPECT_EQ(files_in(folder.path), 0u) << "asking must not create anything";
}

} // namespace
} // namespace vmrunit::runner
