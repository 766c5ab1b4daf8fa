// SPDX-License-Identifier: GPL-2.0-only
// Bochs' words on its standard output, and the guest's bytes behind them.
#include "host_runner/targets/bochs_output.hpp"

#include <gtest/gtest.h>
#include <string_view>

namespace vmrunit::runner {
namespace {

constexpr std::string_view words = "=====\n   Bochs x86 Emulator 2.7\n=====\n"
                                   "Next at t=0\n(0) [0xfffffff0] f000:fff0: jmpf 0xf000:e05b\n";

/// What comes of `text`, handed over in pieces of `piece` bytes.
std::string guest_part(std::string_view text, std::size_t piece, bool finished = false) {
    BochsOutput output;
    std::vector<std::byte> guest;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        output.add(std::as_bytes(std::span{text.substr(at, piece)}), guest);
    }
    if (finished) {
        output.finish(guest);
    }
    return {reinterpret_cast<const char*>(guest.data()), guest.size()};
}

TEST(BochsOutput, TheGuestsBytesAreWhatFollows) {
    const std::string guest{"VRUN\0\n Next at t=0\nx", 20};
    for (std::size_t piece = 1; piece < 40; ++piece) {
        EXPECT_EQ(guest_part(std::string{words} + guest, piece), guest) << piece;
        EXPECT_EQ(guest_part(std::string{words} + guest, piece, true), guest) << piece;
    }
    EXPECT_EQ(guest_part(words, 7, true), "");
}

TEST(BochsOutput, ThreeZerosDebuggerSpeaksElsewhere) {
    const std::string banner = "=====\n   Bochs x86 Emulator 3.0\n=====\n";
    for (const std::string guest : {"VRUN\n=\n", "Nest", "\n\n"}) {
        for (std::size_t piece = 1; piece < 40; ++piece) {
            EXPECT_EQ(guest_part(banner + guest, piece), guest) << piece;
        }
    }
}

TEST(BochsOutput, OtherWordsAreNotSwallowed) {
    EXPECT_EQ(guest_part("bytes", 1), "");
    EXPECT_EQ(guest_part("bytes", 1, true), "bytes");
    const std::string flood(20'000, 'x');
    EXPECT_EQ(guest_part(flood, 1000), flood);
}

} // namespace
} // namespace vmrunit::runner
