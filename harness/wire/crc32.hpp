// SPDX-License-Identifier: GPL-2.0-only
// CRC-32 as Ethernet and zlib have it (polynomial 0x04c11db7, reflected, start and final value all
// ones), eight bytes per step. Tables instead of CPU instructions: the guest may use neither SSE
// registers (they belong to the case) nor CRC32 (another polynomial, and not on every CPU model).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmrunit::wire {

namespace detail {

using Crc32Tables = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b] is the remainder of byte b followed by k zero bytes.
consteval Crc32Tables make_crc32_tables() {
    constexpr std::uint32_t reflected_polynomial = 0xedb88320;
    Crc32Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? reflected_polynomial : 0);
        }
        tables[0][byte] = remainder;
    }
    for (std::size_t k = 1; k < tables.size(); ++k) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t shorter = tables[k - 1][byte];
            tables[k][byte] = (shorter >> 8) ^ tables[0][shorter & 0xff];
        }
    }
    return tables;
}

alignas(64) inline constexpr Crc32Tables crc32_tables = make_crc32_tables();

// Compiles to one load; written out so that it also works in constant expressions.
constexpr std::uint32_t load_u32(const std::byte* at) {
    return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
           static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
}

} // namespace detail

class Crc32 {
public:
    constexpr Crc32& update(std::span<const std::byte> bytes) {
        const auto& table = detail::crc32_tables;
        std::uint32_t state = state_;
        const std::byte* at = bytes.data();
        std::size_t left = bytes.size();
        for (; left >= 8; at += 8, left -= 8) {
            const std::uint32_t low = detail::load_u32(at) ^ state;
            const std::uint32_t high = detail::load_u32(at + 4);
            state = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^
                    table[5][(low >> 16) & 0xff] ^ table[4][low >> 24] ^ table[3][high & 0xff] ^
                    table[2][(high >> 8) & 0xff] ^ table[1][(high >> 16) & 0xff] ^
                    table[0][high >> 24];
        }
        for (; left != 0; ++at, --left) {
            state = (state >> 8) ^ table[0][(state ^ static_cast<std::uint32_t>(*at)) & 0xff];
        }
        state_ = state;
        return *this;
    }

    // May be asked for in the middle: update() goes on from there.
    [[nodiscard]] constexpr std::uint32_t value() const { return ~state_; }

private:
    std::uint32_t state_ = ~std::uint32_t{0};
};

[[nodiscard]] constexpr std::uint32_t crc32(std::span<const std::byte> bytes) {
    return Crc32{}.update(bytes).value();
}

} // namespace vmrunit::wire
