// SPDX-License-Identifier: GPL-2.0-only
// Takes little-endian values from bytes that nobody vouches for. Reading past the end yields zeros
// and is remembered: a decoder reads everything, then asks once whether all of it was there. Counts
// read from the bytes must still be checked against remaining() before they bound a loop.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmrunit::wire {

static_assert(std::endian::native == std::endian::little, "values are taken as they are");

class ByteReader {
public:
    constexpr explicit ByteReader(std::span<const std::byte> source) : source_{source} {}

    std::uint8_t u8() { return take<std::uint8_t>(); }
    std::uint16_t u16() { return take<std::uint16_t>(); }
    std::uint32_t u32() { return take<std::uint32_t>(); }
    std::uint64_t u64() { return take<std::uint64_t>(); }

    // The next `count` bytes in place, or nothing at all if there are fewer.
    std::span<const std::byte> bytes(std::size_t count) {
        if (failed_ || count > source_.size() - position_) {
            failed_ = true;
            return {};
        }
        const std::span<const std::byte> taken = source_.subspan(position_, count);
        position_ += count;
        return taken;
    }

    std::span<const std::byte> rest() { return bytes(remaining()); }

    [[nodiscard]] bool ok() const { return !failed_; }
    [[nodiscard]] std::size_t position() const { return position_; }
    [[nodiscard]] std::size_t remaining() const { return failed_ ? 0 : source_.size() - position_; }
    // Everything was there and nothing is left over.
    [[nodiscard]] bool complete() const { return ok() && remaining() == 0; }

private:
    template<class Value>
    Value take() {
        Value value{};
        const std::span<const std::byte> taken = bytes(sizeof value);
        if (!taken.empty()) {
            __builtin_memcpy(&value, taken.data(), sizeof value);
        }
        return value;
    }

    std::span<const std::byte> source_;
    std::size_t position_ = 0;
    bool failed_ = false;
};

} // namespace vmrunit::wire
