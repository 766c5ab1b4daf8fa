// SPDX-License-Identifier: GPL-2.0-only
// Frames: the unit in which a payload talks to the runner, the same bytes in the ring and through
// port 0xE9. The rule that makes the stream robust: the sync word occurs in no payload (the writer
// takes it out, the parser puts it back), so wherever it is seen a frame may begin, and a frame in
// whose payload it is seen was cut short or forged. docs/wire-format.md has the whole format.
#pragma once

#include "harness/wire/byte_reader.hpp"
#include "harness/wire/byte_writer.hpp"
#include "harness/wire/crc32.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace vmrunit::wire {

enum class FrameType : std::uint8_t {
    hello = 1,
    begin = 2,
    record = 3,
    log = 4,
    end = 5,
};

constexpr bool is_frame_type(std::uint8_t type) {
    return type >= static_cast<std::uint8_t>(FrameType::hello) &&
           type <= static_cast<std::uint8_t>(FrameType::end);
}

// "VMRU" with the top bit of each byte set: d6 cd d2 d5. No byte of it is ASCII and no text in
// UTF-8 contains it; the first byte occurs once, so two sync words never overlap.
inline constexpr std::uint32_t frame_sync_word = 0xd5d2cdd6;
inline constexpr std::uint8_t frame_version = 1;
inline constexpr std::size_t max_frame_payload = 64 * 1024;
inline constexpr std::uint32_t max_frame_sequence = 0x7fffffff; // 0 follows

// The order is not arbitrary: what the CRCs cover is in one piece behind them, so a header cut
// short is known by its CRC; and of any four bytes in a row behind the CRCs one is below 0x80 in a
// good header, so the sync word of a real frame cannot pass for a part of the header before it.
struct FrameHeader {
    std::uint32_t sync_word = frame_sync_word;
    std::uint32_t header_crc = 0;   // of the rest of the header, from first_escape on
    std::uint32_t frame_crc = 0;    // of the same and the payload as transmitted
    std::uint16_t first_escape = 0; // 0: none; else 1 + payload offset of the first one
    std::uint8_t version = frame_version;
    FrameType type{};
    std::uint32_t payload_length = 0;
    std::uint32_t sequence = 0;
};
// clang-format off
static_assert(offsetof(FrameHeader, sync_word)      == 0x00);
static_assert(offsetof(FrameHeader, header_crc)     == 0x04);
static_assert(offsetof(FrameHeader, frame_crc)      == 0x08);
static_assert(offsetof(FrameHeader, first_escape)   == 0x0c);
static_assert(offsetof(FrameHeader, version)        == 0x0e);
static_assert(offsetof(FrameHeader, type)           == 0x0f);
static_assert(offsetof(FrameHeader, payload_length) == 0x10);
static_assert(offsetof(FrameHeader, sequence)       == 0x14);
static_assert(sizeof(FrameHeader)                   == 0x18);
// clang-format on

// Behind the payload. Being no part of a sync word it keeps a frame that lost its last bytes from
// helping itself to the first bytes of the next.
inline constexpr std::byte frame_terminator{0};

inline constexpr std::size_t frame_header_size = sizeof(FrameHeader);
inline constexpr std::size_t frame_crc_start = offsetof(FrameHeader, first_escape);
inline constexpr std::size_t frame_overhead = frame_header_size + sizeof frame_terminator;
inline constexpr std::size_t max_frame_size = frame_overhead + max_frame_payload;

// Offset of the first sync word that lies wholly in bytes[from..], or bytes.size().
[[nodiscard]] inline std::size_t find_sync_word(std::span<const std::byte> bytes,
                                                std::size_t from = 0) {
    using Word = std::size_t; // the widest that is cheap in the L1 mode at hand
    constexpr Word ones = ~Word{0} / 0xff;
    constexpr Word highs = ones << 7;
    constexpr Word firsts = ones * (frame_sync_word & 0xff);
    const std::size_t size = bytes.size();
    const auto found_at = [&](std::size_t at) {
        std::uint32_t value = 0;
        __builtin_memcpy(&value, bytes.data() + at, sizeof value);
        return value == frame_sync_word;
    };

    std::size_t at = from;
    for (; size - at >= sizeof(Word) + 3 && at < size; at += sizeof(Word)) {
        Word word = 0;
        __builtin_memcpy(&word, bytes.data() + at, sizeof word);
        word ^= firsts;
        if (((word - ones) & ~word & highs) == 0) {
            continue; // no byte here is the first byte of a sync word
        }
        for (std::size_t start = at; start < at + sizeof(Word); ++start) {
            if (found_at(start)) {
                return start;
            }
        }
    }
    for (; at < size && size - at >= sizeof frame_sync_word; ++at) {
        if (found_at(at)) {
            return at;
        }
    }
    return size;
}

// Replaces every sync word in `payload` by a link to the next one and returns the header's
// first_escape. A link is 1 + offset of the next (0: last), seven bits per byte: with all top bits
// clear it can never be part of a sync word itself.
[[nodiscard]] inline std::uint16_t escape_sync_words(std::span<std::byte> payload) {
    const auto write_link = [&](std::size_t at, std::size_t link) {
        for (std::size_t i = 0; i < sizeof frame_sync_word; ++i) {
            payload[at + i] = static_cast<std::byte>((link >> (7 * i)) & 0x7f);
        }
    };
    std::size_t at = find_sync_word(payload);
    if (at == payload.size()) {
        return 0;
    }
    const auto first_escape = static_cast<std::uint16_t>(at + 1);
    for (;;) {
        const std::size_t next = find_sync_word(payload, at + sizeof frame_sync_word);
        if (next == payload.size()) {
            write_link(at, 0);
            return first_escape;
        }
        write_link(at, next + 1);
        at = next;
    }
}

// The reverse. False, with the payload in an unknown state, if the links are not ones that
// escape_sync_words() could have made.
[[nodiscard]] inline bool restore_sync_words(std::span<std::byte> payload,
                                             std::uint16_t first_escape) {
    std::size_t lowest = 0;
    for (std::size_t link = first_escape; link != 0;) {
        const std::size_t at = link - 1;
        if (at < lowest || at > payload.size() || payload.size() - at < sizeof frame_sync_word) {
            return false;
        }
        link = 0;
        for (std::size_t i = 0; i < sizeof frame_sync_word; ++i) {
            const auto byte = static_cast<std::size_t>(payload[at + i]);
            if (byte > 0x7f) {
                return false;
            }
            link |= byte << (7 * i);
        }
        __builtin_memcpy(payload.data() + at, &frame_sync_word, sizeof frame_sync_word);
        lowest = at + sizeof frame_sync_word;
    }
    return true;
}

// Makes a frame of a buffer in which the payload, max_frame_payload bytes at most, stands behind
// room for the header and before room for the terminator.
inline void seal_frame(std::span<std::byte> frame, FrameType type, std::uint32_t sequence) {
    const std::span<std::byte> payload =
        frame.subspan(frame_header_size, frame.size() - frame_overhead);
    FrameHeader header;
    header.type = type;
    header.first_escape = escape_sync_words(payload);
    header.payload_length = static_cast<std::uint32_t>(payload.size());
    header.sequence = sequence;
    Crc32 crc;
    crc.update(std::as_bytes(std::span{&header, 1}).subspan<frame_crc_start>());
    header.header_crc = crc.value();
    header.frame_crc = crc.update(payload).value();
    __builtin_memcpy(frame.data(), &header, sizeof header);
    frame.back() = frame_terminator;
}

// The header at the front of `bytes` if it is one that a writer could have made. What it says about
// the payload is thereby bounded, not yet true.
[[nodiscard]] inline std::optional<FrameHeader>
decode_frame_header(std::span<const std::byte, frame_header_size> bytes) {
    FrameHeader header;
    __builtin_memcpy(&header, bytes.data(), sizeof header);
    if (header.sync_word != frame_sync_word || header.version != frame_version ||
        !is_frame_type(static_cast<std::uint8_t>(header.type)) ||
        header.payload_length > max_frame_payload || header.sequence > max_frame_sequence ||
        header.header_crc != crc32(bytes.subspan<frame_crc_start>())) {
        return std::nullopt;
    }
    return header;
}

// The numbers of one stream. All writers of a stream share one, so that no number is used twice.
class FrameSequence {
public:
    constexpr explicit FrameSequence(std::uint32_t first = 0) : next_{first} {}

    std::uint32_t take() {
        const std::uint32_t number = next_;
        next_ = (next_ + 1) & max_frame_sequence;
        return number;
    }

private:
    std::uint32_t next_;
};

template<class Sink>
concept FrameSink = requires(Sink& sink, std::span<const std::byte> bytes) {
    sink.write(bytes);
};

// Builds frames in a buffer of the caller's and hands each, whole, to the sink. Not reentrant: an
// exception handler that speaks while a frame is being built has a writer and a buffer of its own.
template<FrameSink Sink>
class FrameWriter {
public:
    // The buffer must hold frame_overhead bytes; max_frame_size bytes of it are used at most.
    FrameWriter(std::span<std::byte> buffer, FrameSequence& sequence, Sink& sink)
        : buffer_{buffer.first(buffer.size() < max_frame_size ? buffer.size() : max_frame_size)},
          sequence_{sequence},
          sink_{sink} {}

    // Starts a frame; the payload is appended to what this returns. A frame not finished is
    // dropped.
    ByteWriter& begin(FrameType type) {
        type_ = type;
        payload_ = ByteWriter{buffer_.subspan(frame_header_size, buffer_.size() - frame_overhead)};
        return payload_;
    }

    // False if the payload did not fit: nothing is sent then, but the number is spent, so that the
    // runner sees that a frame is missing.
    [[nodiscard]] bool finish() {
        const std::uint32_t number = sequence_.take();
        if (payload_.overflowed()) {
            return false;
        }
        const std::span<std::byte> frame = buffer_.first(frame_overhead + payload_.size());
        seal_frame(frame, type_, number);
        sink_.write(frame);
        return true;
    }

    [[nodiscard]] bool send(FrameType type, std::span<const std::byte> payload) {
        begin(type).bytes(payload);
        return finish();
    }

    // With a ring as the sink this is a few stores and no exit, and it is there for the runner to
    // read even if the guest dies in the next instruction.
    [[nodiscard]] bool send_begin(std::uint32_t case_index) {
        begin(FrameType::begin).u32(case_index);
        return finish();
    }

private:
    std::span<std::byte> buffer_;
    FrameSequence& sequence_;
    Sink& sink_;
    ByteWriter payload_;
    FrameType type_{};
};

// The case index of a begin frame's payload.
[[nodiscard]] inline std::optional<std::uint32_t> decode_begin(std::span<const std::byte> payload) {
    ByteReader reader{payload};
    const std::uint32_t case_index = reader.u32();
    return reader.complete() ? std::optional{case_index} : std::nullopt;
}

} // namespace vmrunit::wire
