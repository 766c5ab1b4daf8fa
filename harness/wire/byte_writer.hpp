// SPDX-License-Identifier: GPL-2.0-only
// Appends little-endian values to a buffer of fixed size. Running out of room is remembered, not
// acted upon: the caller appends everything and asks once, at the end, whether it fitted.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vmrunit::wire {

static_assert(std::endian::native == std::endian::little, "values are stored as they are");

class ByteWriter {
public:
    constexpr ByteWriter() = default;
    constexpr explicit ByteWriter(std::span<std::byte> buffer) : buffer_{buffer} {}

    void u8(std::uint8_t value) { append(value); }
    void u16(std::uint16_t value) { append(value); }
    void u32(std::uint32_t value) { append(value); }
    void u64(std::uint64_t value) { append(value); }

    void bytes(std::span<const std::byte> source) {
        const std::span<std::byte> room = reserve(source.size());
        if (!room.empty()) {
            __builtin_memcpy(room.data(), source.data(), room.size());
        }
    }

    void text(std::string_view source) { bytes(std::as_bytes(std::span{source})); }

    // Room that the caller fills later, empty if there is not enough.
    std::span<std::byte> reserve(std::size_t count) {
        if (overflowed_ || count > buffer_.size() - size_) {
            overflowed_ = true;
            return {};
        }
        const std::span<std::byte> room = buffer_.subspan(size_, count);
        size_ += count;
        return room;
    }

    // Overwrites a value written before, such as a count that is known only afterwards.
    void patch_u16(std::size_t offset, std::uint16_t value) { patch(offset, value); }
    void patch_u32(std::size_t offset, std::uint32_t value) { patch(offset, value); }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t remaining() const { return buffer_.size() - size_; }
    [[nodiscard]] bool overflowed() const { return overflowed_; }
    [[nodiscard]] std::span<std::byte> written() const { return buffer_.first(size_); }

private:
    template<class Value>
    void append(Value value) {
        if (overflowed_ || sizeof value > buffer_.size() - size_) {
            overflowed_ = true;
            return;
        }
        __builtin_memcpy(buffer_.data() + size_, &value, sizeof value);
        size_ += sizeof value;
    }

    template<class Value>
    void patch(std::size_t offset, Value value) {
        if (offset > size_ || sizeof value > size_ - offset) {
            overflowed_ = true;
            return;
        }
        __builtin_memcpy(buffer_.data() + offset, &value, sizeof value);
    }

    std::span<std::byte> buffer_;
    std::size_t size_ = 0;
    bool overflowed_ = false;
};

} // namespace vmrunit::wire
