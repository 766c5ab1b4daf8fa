// SPDX-License-Identifier: GPL-2.0-only
// What a stream of frames means, said as plainly as docs/wire-format.md says it and sharing no code
// with the parser: at each byte either a whole good frame begins, or the byte is garbage. Far too
// slow for use, and obviously right; the tests and the fuzzer compare the parser with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vmrunit::wire::reference {

struct Frame {
    std::uint8_t type = 0;
    std::uint32_t sequence = 0;
    std::vector<std::byte> payload;
    std::size_t garbage_before = 0;
    std::size_t end = 0; // offset in the stream of the first byte behind it
};

struct Stream {
    std::vector<Frame> frames;
    std::size_t garbage_at_end = 0;
};

inline std::uint32_t value_at(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) {
        value = value << 8 | static_cast<std::uint32_t>(bytes[at + i]);
    }
    return value;
}

inline void add_to_crc(std::uint32_t& remainder, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
        remainder ^= static_cast<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) {
            remainder = remainder >> 1 ^ (0xedb88320 & (0 - (remainder & 1)));
        }
    }
}

// The frame that begins with the first byte and lies wholly in `bytes`.
inline std::optional<Frame> frame_at_front(std::span<const std::byte> bytes) {
    constexpr std::uint32_t sync_word = 0xd5d2cdd6;
    if (bytes.size() < 25 || value_at(bytes, 0, 4) != sync_word || value_at(bytes, 14, 1) != 1) {
        return std::nullopt;
    }
    const std::uint32_t type = value_at(bytes, 15, 1);
    const std::uint32_t length = value_at(bytes, 16, 4);
    const std::uint32_t sequence = value_at(bytes, 20, 4);
    if (type < 1 || type > 6 || length > 65536 || sequence > 0x7fffffff ||
        bytes.size() - 25 < length || value_at(bytes, 24 + length, 1) != 0) {
        return std::nullopt;
    }
    std::uint32_t remainder = ~std::uint32_t{0};
    add_to_crc(remainder, bytes.subspan(12, 12));
    if (~remainder != value_at(bytes, 4, 4)) {
        return std::nullopt;
    }
    const std::span<const std::byte> payload = bytes.subspan(24, length);
    add_to_crc(remainder, payload);
    if (~remainder != value_at(bytes, 8, 4)) {
        return std::nullopt;
    }
    for (std::size_t at = 0; at + 4 <= payload.size(); ++at) {
        if (value_at(payload, at, 4) == sync_word) {
            return std::nullopt;
        }
    }

    Frame frame;
    frame.type = static_cast<std::uint8_t>(type);
    frame.sequence = sequence;
    frame.payload.assign(payload.begin(), payload.end());
    frame.end = 25 + length;
    std::size_t link = value_at(bytes, 12, 2);
    std::size_t lowest = 1;
    while (link != 0) {
        if (link < lowest || link + 3 > length) {
            return std::nullopt;
        }
        const std::uint32_t raw = value_at(payload, link - 1, 4);
        if ((raw & 0x80808080) != 0) {
            return std::nullopt;
        }
        for (std::size_t i = 0; i < 4; ++i) {
            frame.payload[link - 1 + i] = static_cast<std::byte>(sync_word >> (8 * i));
        }
        lowest = link + 4;
        link = (raw & 0x7f) | (raw >> 1 & 0x3f80) | (raw >> 2 & 0x1fc000) | (raw >> 3 & 0xfe00000);
    }
    return frame;
}

inline Stream parse(std::span<const std::byte> bytes) {
    Stream stream;
    for (std::size_t at = 0; at < bytes.size();) {
        if (std::optional<Frame> frame = frame_at_front(bytes.subspan(at))) {
            at += frame->end;
            frame->end = at;
            frame->garbage_before = stream.garbage_at_end;
            stream.garbage_at_end = 0;
            stream.frames.push_back(std::move(*frame));
        } else {
            ++at;
            ++stream.garbage_at_end;
        }
    }
    return stream;
}

} // namespace vmrunit::wire::reference
