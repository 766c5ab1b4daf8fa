// SPDX-License-Identifier: GPL-2.0-only
// The bounded end of a stream, and text of strangers made printable.
#include "host_runner/process/text_tail.hpp"

#include "host_runner/files/file_descriptor.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

TEST(TextTail, KeepsTheLastBytes) {
    TextTail tail{8};
    tail.append("12345");
    tail.append("6789");
    EXPECT_EQ(tail.text(), "23456789");
    tail.append("a text longer than the bound");
    EXPECT_EQ(tail.text(), "he bound");
}

TEST(TextTail, FindsTheLastLineWithSomethingOnIt) {
    TextTail tail{1000};
    EXPECT_EQ(tail.last_line(), "");
    tail.append("\n\n");
    EXPECT_EQ(tail.last_line(), "");
    tail.append("first\n  second \r\n\n \n");
    EXPECT_EQ(tail.last_line(), "second");
    tail.append("third without an end");
    EXPECT_EQ(tail.last_line(), "third without an end");
}

TEST(TextTail, ReadsWhatIsThereAndTellsTheEnd) {
    auto line = open_pipe_to_read();
    ASSERT_TRUE(line);
    TextTail tail{100};
    EXPECT_EQ(tail.read_from(line->ours.number()), Arrival::nothing);
    ASSERT_EQ(::write(line->theirs.number(), "abc", 3), 3);
    EXPECT_EQ(tail.read_from(line->ours.number()), Arrival::bytes);
    EXPECT_EQ(tail.text(), "abc");
    ASSERT_EQ(::write(line->theirs.number(), "d", 1), 1);
    line->theirs.reset();
    EXPECT_EQ(tail.read_from(line->ours.number()), Arrival::end);
    EXPECT_EQ(tail.text(), "abcd");
}

TEST(Printable, HasNoControlCharacterAndABound) {
    EXPECT_EQ(printable(" \x1b[31mred\x07\xff\tand\nblue \n"), ".[31mred.. and blue");
    EXPECT_EQ(printable("0123456789", 4), "6789");
    EXPECT_EQ(printable(std::string_view{"\0\0", 2}), "");
}

} // namespace
} // namespace vmrunit::runner
