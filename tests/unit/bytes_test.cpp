// SPDX-License-Identifier: GPL-2.0-only
// ByteWriter and ByteReader: little endian, and safe at the end of the buffer.
#include "harness/wire/byte_reader.hpp"
#include "harness/wire/byte_writer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace vmrunit::wire {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (const int value : values) {
        bytes.push_back(static_cast<std::byte>(value));
    }
    return bytes;
}

std::vector<std::byte> content(const ByteWriter& writer) {
    return {writer.written().begin(), writer.written().end()};
}

TEST(ByteWriter, StoresLittleEndianWithoutPadding) {
    std::array<std::byte, 32> buffer{};
    ByteWriter writer{buffer};
    writer.u8(0x01);
    writer.u16(0x0302);
    writer.u32(0x07060504);
    writer.u64(0x0f0e0d0c0b0a0908);
    writer.text("AB");
    EXPECT_EQ(content(writer),
              bytes_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'A', 'B'}));
    EXPECT_FALSE(writer.overflowed());
    EXPECT_EQ(writer.remaining(), buffer.size() - 17);
}

TEST(ByteWriter, TakesNothingThatDoesNotFitWhollyAndNothingAfterIt) {
    std::array<std::byte, 5> buffer{};
    ByteWriter writer{buffer};
    writer.u32(0x04030201);
    writer.u16(0xffff);
    EXPECT_TRUE(writer.overflowed());
    writer.u8(5);
    EXPECT_EQ(content(writer), bytes_of({1, 2, 3, 4}));
    EXPECT_EQ(buffer[4], std::byte{0});
}

TEST(ByteWriter, ReservesAndPatches) {
    std::array<std::byte, 8> buffer{};
    ByteWriter writer{buffer};
    writer.u32(0);
    const std::span<std::byte> room = writer.reserve(2);
    ASSERT_EQ(room.size(), 2u);
    room[0] = std::byte{0xaa};
    writer.patch_u32(0, 0x04030201);
    writer.patch_u16(2, 0x0908);
    EXPECT_EQ(content(writer), bytes_of({1, 2, 8, 9, 0xaa, 0}));
    EXPECT_TRUE(writer.reserve(3).empty());
    EXPECT_TRUE(writer.overflowed());
}

TEST(ByteWriter, DoesNotPatchBehindWhatIsWritten) {
    std::array<std::byte, 8> buffer{};
    ByteWriter writer{buffer};
    writer.u32(0);
    writer.patch_u32(1, ~0u);
    EXPECT_TRUE(writer.overflowed());
    EXPECT_EQ(buffer, (std::array<std::byte, 8>{}));
}

TEST(ByteWriter, WithoutABufferOverflowsOnly) {
    ByteWriter writer;
    writer.bytes({});
    EXPECT_FALSE(writer.overflowed());
    writer.u8(1);
    EXPECT_TRUE(writer.overflowed());
}

TEST(ByteReader, ReturnsWhatWasWritten) {
    const std::vector<std::byte> source =
        bytes_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'A', 'B', 'C'});
    ByteReader reader{source};
    EXPECT_EQ(reader.u8(), 0x01u);
    EXPECT_EQ(reader.u16(), 0x0302u);
    EXPECT_EQ(reader.u32(), 0x07060504u);
    EXPECT_EQ(reader.u64(), 0x0f0e0d0c0b0a0908u);
    const std::span<const std::byte> two = reader.bytes(2);
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[1], std::byte{'B'});
    EXPECT_TRUE(reader.ok());
    EXPECT_FALSE(reader.complete());
    EXPECT_EQ(reader.rest().size(), 1u);
    EXPECT_TRUE(reader.complete());
}

TEST(ByteReader, RemembersThatSomethingWasMissing) {
    const std::vector<std::byte> source = bytes_of({1, 2, 3});
    ByteReader reader{source};
    EXPECT_EQ(reader.u32(), 0u);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.u8(), 0u) << "nothing is read after a failure";
    EXPECT_EQ(reader.remaining(), 0u);
    EXPECT_FALSE(reader.complete());
}

TEST(ByteReader, RefusesCountsNearTheEndOfTheAddressSpace) {
    const std::vector<std::byte> source = bytes_of({1, 2, 3});
    ByteReader reader{source};
    EXPECT_EQ(reader.u8(), 1u);
    EXPECT_TRUE(reader.bytes(~std::size_t{0}).empty());
    EXPECT_FALSE(reader.ok());
}

} // namespace
} // namespace vmrunit::wire
