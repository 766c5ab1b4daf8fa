// SPDX-License-Identifier: GPL-2.0-only
// The table-driven CRC-32 against the published check value and against its definition, bit by bit.
#include "harness/wire/crc32.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <vector>

namespace vmrunit::wire {
namespace {

std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span{text});
}

// The definition: divide by the polynomial, one bit at a time.
std::uint32_t crc32_by_bits(std::span<const std::byte> bytes) {
    std::uint32_t remainder = 0xffffffff;
    for (const std::byte byte : bytes) {
        remainder ^= static_cast<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) {
            const bool subtract = (remainder & 1) != 0;
            remainder >>= 1;
            if (subtract) {
                remainder ^= 0xedb88320;
            }
        }
    }
    return ~remainder;
}

std::vector<std::byte> random_bytes(std::size_t size) {
    std::mt19937 random{1};
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) {
        byte = static_cast<std::byte>(random());
    }
    return bytes;
}

TEST(Crc32, HasThePublishedCheckValue) {
    EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926u);
}

TEST(Crc32, OfNothingIsZero) {
    EXPECT_EQ(crc32({}), 0u);
}

TEST(Crc32, WorksInConstantExpressions) {
    constexpr std::array digits{std::byte{'1'}, std::byte{'2'}, std::byte{'3'},
                                std::byte{'4'}, std::byte{'5'}, std::byte{'6'},
                                std::byte{'7'}, std::byte{'8'}, std::byte{'9'}};
    static_assert(crc32(digits) == 0xcbf43926);
}

TEST(Crc32, AgreesWithTheDefinitionForEveryLengthAndAlignment) {
    const std::vector<std::byte> bytes = random_bytes(96);
    for (std::size_t start = 0; start < 8; ++start) {
        for (std::size_t size = 0; size + start <= bytes.size(); ++size) {
            const std::span<const std::byte> part = std::span{bytes}.subspan(start, size);
            ASSERT_EQ(crc32(part), crc32_by_bits(part)) << "start " << start << " size " << size;
        }
    }
}

TEST(Crc32, DoesNotDependOnHowTheBytesAreCut) {
    const std::vector<std::byte> bytes = random_bytes(64);
    const std::uint32_t whole = crc32_by_bits(bytes);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        Crc32 crc;
        crc.update(std::span{bytes}.first(cut));
        EXPECT_EQ(crc.value(), crc32_by_bits(std::span{bytes}.first(cut)));
        crc.update(std::span{bytes}.subspan(cut));
        EXPECT_EQ(crc.value(), whole) << "cut at " << cut;
    }
}

} // namespace
} // namespace vmrunit::wire
