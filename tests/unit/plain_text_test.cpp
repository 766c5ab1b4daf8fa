// SPDX-License-Identifier: GPL-2.0-only
// Hostile bytes on their way to a terminal, KTAP, JSON and XML.
#include "host_runner/report/plain_text.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using namespace std::string_literals;

struct TextRow {
    std::string bytes;
    std::string line;
    std::string utf8;
    std::string xml;
};

// clang-format off
const TextRow text_rows[] = {
    {"rbx 0x10",          "rbx 0x10",       "rbx 0x10",         "rbx 0x10"},
    {"\x1b[2J",           "\\x1b[2J",       "\x1b[2J",          "\\x1b[2J"},
    {"a\nb\tc\rd",        "a\\nb\\tc\\rd",  "a\nb\tc\rd",       "a\nb\tc\\rd"},
    {"a\0b"s,             "a\\x00b",        "a\0b"s,            "a\\x00b"},
    {"\x7f",              "\\x7f",          "\x7f",             "\\x7f"},
    {"<a b=\"c\">&",      "<a b=\"c\">&",   "<a b=\"c\">&",     "&lt;a b=&quot;c&quot;&gt;&amp;"},
    {"]]>",               "]]>",            "]]>",              "]]&gt;"},
    {"\xc3\xa9",          "\xc3\xa9",       "\xc3\xa9",         "\xc3\xa9"},
    {"\xf0\x9f\x90\xa7",  "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7"},
    {"\xff",              "\\xff",          "\\xff",            "\\xff"},          // no UTF-8
    {"\xc3",              "\\xc3",          "\\xc3",            "\\xc3"},          // cut short
    {"\xc3(",             "\\xc3(",         "\\xc3(",           "\\xc3("},         // broken off
    {"\xc0\xaf",          "\\xc0\\xaf",     "\\xc0\\xaf",       "\\xc0\\xaf"},     // overlong '/'
    {"\xed\xa0\x80",      "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"}, // surrogate
    {"\xf4\x90\x80\x80",  "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80"},
    {"\xc2\x9b" "31m",    "\\u{009b}31m",   "\xc2\x9b" "31m",   "\\u{009b}31m"},   // C1 CSI
    {"\xe2\x80\xae\xe2\x80\xac", "\\u{202e}\\u{202c}",                          // right to left
     "\xe2\x80\xae\xe2\x80\xac", "\\u{202e}\\u{202c}"},
    {"\xef\xbf\xbf",      "\xef\xbf\xbf",   "\xef\xbf\xbf",     "\\u{ffff}"},      // not in XML
    {"",                  "",               "",                 ""},
};
// clang-format on

TEST(PlainText, EscapesForEachPlace) {
    for (const TextRow& row : text_rows) {
        EXPECT_EQ(one_line(row.bytes), row.line);
        EXPECT_EQ(valid_utf8(row.bytes), row.utf8);
        EXPECT_EQ(xml_escaped(row.bytes), row.xml);
    }
}

TEST(PlainText, EveryByteAloneBecomesPrintable) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string shown = one_line(std::string(1, static_cast<char>(byte)));
        ASSERT_FALSE(shown.empty());
        for (const char c : shown) {
            EXPECT_GE(c, ' ') << byte;
            EXPECT_LT(c, '\x7f') << byte;
        }
    }
}

TEST(PlainText, FitsWithoutCuttingCharacters) {
    EXPECT_EQ(fitted("intercept", 9), "intercept");
    EXPECT_EQ(fitted("intercept", 8), "interc..");
    EXPECT_EQ(fitted("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 4), "\xc3\xa9\xc3\xa9..");
    EXPECT_EQ(fitted("abcdef", 3), "abc");
    EXPECT_EQ(fitted("abcdef", 0), "");
    EXPECT_EQ(columns(fitted("\xff\xff\xff\x80\x80\x80", 2)), 2u);
}

TEST(PlainText, PadsByCharactersNotBytes) {
    EXPECT_EQ(padded("\xc3\xa9", 3), "\xc3\xa9  ");
    EXPECT_EQ(padded("abc", 2), "abc");
}

} // namespace
} // namespace vmrunit::runner
