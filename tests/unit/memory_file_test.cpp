// SPDX-License-Identifier: GPL-2.0-only
// Files without a name, mappings of them, and descriptors with one owner.
#include "host_runner/files/memory_file.hpp"

#include "host_runner/files/shared_mapping.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

bool is_open(int number) {
    return ::fcntl(number, F_GETFD) >= 0;
}

TEST(FileDescriptor, IsClosedByItsLastOwnerOnly) {
    int number = -1;
    {
        FileDescriptor first{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        number = first.number();
        FileDescriptor second{std::move(first)};
        EXPECT_TRUE(is_open(number));
        FileDescriptor third;
        third = std::move(second);
        EXPECT_EQ(third.number(), number);
    }
    EXPECT_FALSE(is_open(number));
}

TEST(FileDescriptor, PairsCloseOnExec) {
    const auto pipe = open_pipe_to_read();
    const auto sockets = open_socket_pair();
    ASSERT_TRUE(pipe && sockets);
    for (const auto* pair : {&pipe, &sockets}) {
        EXPECT_EQ(::fcntl((*pair)->ours.number(), F_GETFD), FD_CLOEXEC);
        EXPECT_EQ(::fcntl((*pair)->theirs.number(), F_GETFD), FD_CLOEXEC);
        EXPECT_NE(::fcntl((*pair)->ours.number(), F_GETFL) & O_NONBLOCK, 0);
        EXPECT_EQ(::fcntl((*pair)->theirs.number(), F_GETFL) & O_NONBLOCK, 0);
    }
}

TEST(MemoryFile, HoldsItsContentAndHasNoName) {
    constexpr std::array content{std::byte{1}, std::byte{2}, std::byte{3}};
    const auto file = MemoryFile::with_content("label", content);
    ASSERT_TRUE(file) << file.error().line();
    EXPECT_EQ(file->size(), 3u);
    std::array<char, 200> target{};
    const auto path = path_of_own_descriptor(file->descriptor());
    ASSERT_GT(::readlink(path.c_str(), target.data(), target.size() - 1), 0);
    EXPECT_STREQ(target.data(), "/memfd:label (deleted)");
    const FileDescriptor again{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::array<std::byte, 4> bytes{};
    ASSERT_EQ(::read(again.number(), bytes.data(), bytes.size()), 3);
    EXPECT_EQ(std::memcmp(bytes.data(), content.data(), 3), 0);
}

TEST(MemoryFile, MayBeEmpty) {
    const auto file = MemoryFile::with_content("empty", {});
    ASSERT_TRUE(file);
    EXPECT_EQ(file->size(), 0u);
}

TEST(SharedMapping, ShowsWhatOthersWrite) {
    const auto file = MemoryFile::create("memory", 3 * 4096);
    ASSERT_TRUE(file);
    const auto mapping = SharedMapping::of(file->descriptor(), 4096, 4096);
    ASSERT_TRUE(mapping) << mapping.error().line();
    ASSERT_EQ(mapping->bytes().size(), 4096u);
    EXPECT_EQ(mapping->bytes()[7], std::byte{0});
    const char written = 'x';
    ASSERT_EQ(::pwrite(file->descriptor(), &written, 1, 4096 + 7), 1);
    EXPECT_EQ(mapping->bytes()[7], std::byte{'x'});
    mapping->bytes()[8] = std::byte{'y'};
    char read = 0;
    ASSERT_EQ(::pread(file->descriptor(), &read, 1, 4096 + 8), 1);
    EXPECT_EQ(read, 'y');
}

TEST(SharedMapping, RefusesWhatCannotBeMapped) {
    const auto mapping = SharedMapping::of(-1, 0, 4096);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().what, "mmap: Bad file descriptor");
}

} // namespace
} // namespace vmrunit::runner
