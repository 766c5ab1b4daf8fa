// SPDX-License-Identifier: GPL-2.0-only
// What the tests of the stream share: making frames, cutting streams into pieces, collecting
// events.
#pragma once

#include "harness/wire/frame_parser.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vmrunit::wire::test {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

inline void append(Bytes& stream, std::span<const std::byte> bytes) {
    stream.insert(stream.end(), bytes.begin(), bytes.end());
}

inline Bytes sync_word_bytes() {
    Bytes bytes(sizeof frame_sync_word);
    ByteWriter{bytes}.u32(frame_sync_word);
    return bytes;
}

inline Bytes make_frame(FrameType type, std::uint32_t sequence,
                        std::span<const std::byte> payload) {
    Bytes frame(frame_overhead + payload.size());
    std::copy(payload.begin(), payload.end(), frame.begin() + frame_header_size);
    seal_frame(frame, type, sequence);
    return frame;
}

// A header as a writer would make it for a payload that never comes.
inline Bytes make_header_claiming(std::uint32_t payload_length, std::uint32_t sequence) {
    FrameHeader header;
    header.type = FrameType::record;
    header.payload_length = payload_length;
    header.sequence = sequence;
    const auto bytes = std::as_bytes(std::span{&header, 1});
    header.header_crc = crc32(bytes.subspan<frame_crc_start>());
    return {bytes.begin(), bytes.end()};
}

// Everything a stream says, with neighbouring pieces of garbage put together.
struct Parsed {
    std::vector<Event> events;

    [[nodiscard]] std::vector<Frame> frames() const { return only<Frame>(); }
    [[nodiscard]] std::vector<Gap> gaps() const { return only<Gap>(); }
    [[nodiscard]] std::size_t garbage() const {
        std::size_t count = 0;
        for (const Garbage& piece : only<Garbage>()) {
            count += piece.count;
        }
        return count;
    }
    bool operator==(const Parsed&) const = default;

private:
    template<class Kind>
    [[nodiscard]] std::vector<Kind> only() const {
        std::vector<Kind> found;
        for (const Event& event : events) {
            if (const auto* kind = std::get_if<Kind>(&event)) {
                found.push_back(*kind);
            }
        }
        return found;
    }
};

// `piece_size(n)` says how many of the n bytes left are fed next.
template<class PieceSize>
Parsed parse_in_pieces(std::span<const std::byte> stream, PieceSize&& piece_size) {
    Parsed parsed;
    FrameParser parser;
    const auto keep = [&](Event event) { parsed.events.push_back(std::move(event)); };
    while (!stream.empty()) {
        const std::size_t count =
            std::clamp<std::size_t>(piece_size(stream.size()), 1, stream.size());
        parser.consume(stream.first(count), keep);
        stream = stream.subspan(count);
    }
    parser.end_of_stream();
    parser.consume({}, keep);
    return parsed;
}

inline Parsed parse(std::span<const std::byte> stream) {
    return parse_in_pieces(stream, [](std::size_t left) { return left; });
}

} // namespace vmrunit::wire::test
