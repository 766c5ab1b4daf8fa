// SPDX-License-Identifier: GPL-2.0-only
// Fuzzes FrameParser (libFuzzer). Random bytes never have a good CRC, so the input is a script: it
// says which frames, cuts, forged headers and raw bytes make up the stream. Checked: the same
// frames, garbage and gaps as the reference however the stream is cut, each frame with its last
// byte, memory within its bound. A violation ends the process.
#include "harness/wire/frame_parser.hpp"

#include "tests/fuzz/reference_parser.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

using namespace vmrunit::wire;
using Bytes = std::vector<std::byte>;

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);           \
            std::abort();                                                                          \
        }                                                                                          \
    } while (false)

void append(Bytes& stream, std::span<const std::byte> bytes) {
    stream.insert(stream.end(), bytes.begin(), bytes.end());
}

enum class Step : std::uint8_t { raw, frame, cut_frame, damaged_frame, claim, sync_word, nested };

Bytes sealed(FrameType type, std::uint32_t sequence, std::span<const std::byte> payload) {
    Bytes frame(frame_header_size);
    append(frame, payload);
    frame.resize(frame_overhead + payload.size());
    seal_frame(frame, type, sequence);
    return frame;
}

Bytes build_stream(ByteReader& script) {
    Bytes stream;
    std::uint32_t sequence = 0;
    while (script.remaining() != 0) {
        const auto step = static_cast<Step>(script.u8() % 7);
        const std::uint8_t choice = script.u8();
        const std::size_t wanted = script.u8();
        const std::span<const std::byte> payload =
            script.bytes(wanted < script.remaining() ? wanted : script.remaining());
        const auto type = static_cast<FrameType>(1 + choice % 5);
        sequence += choice >> 6; // 0 repeats, more than 1 skips
        switch (step) {
        case Step::raw:
            append(stream, payload);
            break;
        case Step::frame:
            append(stream, sealed(type, sequence, payload));
            break;
        case Step::cut_frame: {
            const Bytes frame = sealed(type, sequence, payload);
            append(stream, std::span{frame}.first(choice % frame.size()));
            break;
        }
        case Step::damaged_frame: {
            Bytes frame = sealed(type, sequence, payload);
            frame[choice % frame.size()] ^= static_cast<std::byte>(1 + wanted % 255);
            append(stream, frame);
            break;
        }
        case Step::claim: { // a good header whose payload never comes
            FrameHeader header;
            header.type = type;
            header.payload_length = choice % 2 == 0 ? choice : max_frame_payload - choice;
            header.sequence = sequence;
            const auto bytes = std::as_bytes(std::span{&header, 1});
            header.header_crc = crc32(bytes.subspan<frame_crc_start>());
            append(stream, bytes);
            append(stream, payload);
            break;
        }
        case Step::sync_word: {
            const std::uint32_t sync_word = frame_sync_word;
            const auto bytes = std::as_bytes(std::span{&sync_word, 1});
            append(stream, bytes.first(1 + choice % bytes.size()));
            break;
        }
        case Step::nested: // what has been sent so far, as the payload of a frame
            if (stream.size() <= 4096) {
                stream = sealed(type, sequence, stream);
            }
            break;
        }
    }
    return stream;
}

class Checker {
public:
    explicit Checker(std::span<const std::byte> stream)
        : stream_{stream}, expected_{reference::parse(stream)} {}

    template<class PieceSize>
    void check_in_pieces(PieceSize&& piece_size) {
        FrameParser parser;
        frames_ = 0;
        garbage_ = 0;
        next_sequence_ = 0;
        for (std::size_t fed = 0; fed < stream_.size();) {
            const std::size_t piece = piece_size();
            const std::span<const std::byte> left = stream_.subspan(fed);
            const std::size_t taken =
                parser.feed(left.first(piece < left.size() ? piece : left.size()));
            REQUIRE(taken != 0 || piece == 0);
            fed += taken;
            drain(parser);
            REQUIRE(parser.buffered() < max_frame_size);
            // No frame is held back once its last byte is there.
            REQUIRE(frames_ == expected_.frames.size() || expected_.frames[frames_].end > fed);
        }
        parser.end_of_stream();
        drain(parser);
        REQUIRE(parser.buffered() == 0);
        REQUIRE(frames_ == expected_.frames.size());
        REQUIRE(garbage_ == expected_.garbage_at_end);
    }

private:
    void drain(FrameParser& parser) {
        while (const std::optional<Event> event = parser.next()) {
            std::visit([this](const auto& what) { check(what); }, *event);
        }
    }

    void check(const Garbage& garbage) {
        REQUIRE(garbage.count != 0 && garbage.count <= Garbage::max_count);
        REQUIRE(garbage.head.size() == std::min(garbage.count, Garbage::max_head));
        garbage_ += garbage.count;
    }

    void check(const Gap& gap) {
        REQUIRE(frames_ < expected_.frames.size());
        const reference::Frame& frame = expected_.frames[frames_];
        REQUIRE(gap.got == frame.sequence);
        REQUIRE(gap.expected == (frame.type == 1 ? 0 : next_sequence_));
        REQUIRE(gap.expected != gap.got);
        next_sequence_ = gap.got;
    }

    void check(const Frame& frame) {
        REQUIRE(frames_ < expected_.frames.size());
        const reference::Frame& expected = expected_.frames[frames_];
        REQUIRE(static_cast<std::uint8_t>(frame.type) == expected.type);
        REQUIRE(frame.sequence == expected.sequence);
        REQUIRE(frame.payload == expected.payload);
        REQUIRE(garbage_ == expected.garbage_before);
        REQUIRE(frame.sequence == next_sequence_ || frame.type == FrameType::hello);
        garbage_ = 0;
        next_sequence_ = (frame.sequence + 1) & max_frame_sequence;
        ++frames_;
    }

    std::span<const std::byte> stream_;
    reference::Stream expected_;
    std::size_t frames_ = 0;
    std::size_t garbage_ = 0; // since the last frame
    std::uint32_t next_sequence_ = 0;
};

} // namespace

// libFuzzer knows it by this name. NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteReader script{std::as_bytes(std::span{data, size})};
    std::uint32_t cut_state = script.u8();
    const bool as_it_is = script.u8() % 4 == 0; // the rest is the stream, not a script
    Bytes stream;
    if (as_it_is) {
        append(stream, script.rest());
    } else {
        stream = build_stream(script);
    }

    Checker checker{stream};
    checker.check_in_pieces([] { return FrameParser::capacity; });
    checker.check_in_pieces([] { return std::size_t{1}; });
    checker.check_in_pieces([&] {
        cut_state = cut_state * 1664525 + 1013904223;
        return std::size_t{1} + (cut_state >> 24);
    });
    return 0;
}
