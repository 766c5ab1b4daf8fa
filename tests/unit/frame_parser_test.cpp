// SPDX-License-Identifier: GPL-2.0-only
// Reading streams that are whole, cut, damaged, and forged.
#include "harness/wire/frame_parser.hpp"

#include "tests/fuzz/reference_parser.hpp"
#include "tests/unit/frame_stream.hpp"

#include <gtest/gtest.h>

#include <random>

namespace vmrunit::wire {
namespace {

using namespace test;

Bytes small_stream() {
    Bytes stream = make_frame(FrameType::hello, 0, bytes_of("machine"));
    append(stream, make_frame(FrameType::begin, 1, Bytes(4)));
    append(stream, make_frame(FrameType::record, 2, sync_word_bytes()));
    append(stream, make_frame(FrameType::end, 3, {}));
    return stream;
}

std::vector<Frame> small_stream_frames() {
    return {{FrameType::hello, 0, bytes_of("machine")},
            {FrameType::begin, 1, Bytes(4)},
            {FrameType::record, 2, sync_word_bytes()},
            {FrameType::end, 3, {}}};
}

// The events of a stream according to the reference; garbage runs must be short.
Parsed parse_by_reference(std::span<const std::byte> bytes) {
    Parsed parsed;
    const auto garbage = [&](std::size_t end, std::size_t count) {
        if (count != 0) {
            const auto run = bytes.subspan(end - count, count);
            const auto head = run.first(std::min(count, Garbage::max_head));
            parsed.events.emplace_back(Garbage{count, {head.begin(), head.end()}});
        }
    };
    std::uint32_t expected = 0;
    const reference::Stream stream = reference::parse(bytes);
    for (const reference::Frame& frame : stream.frames) {
        garbage(frame.end - frame_overhead - frame.payload.size(), frame.garbage_before);
        if (frame.type == 1) {
            expected = 0;
        }
        if (frame.sequence != expected) {
            parsed.events.emplace_back(Gap{expected, frame.sequence});
        }
        expected = (frame.sequence + 1) & max_frame_sequence;
        parsed.events.emplace_back(
            Frame{static_cast<FrameType>(frame.type), frame.sequence, frame.payload});
    }
    garbage(bytes.size(), stream.garbage_at_end);
    return parsed;
}

TEST(FrameParser, DeliversAWholeStreamWithoutOtherEvents) {
    const Parsed parsed = parse(small_stream());
    EXPECT_EQ(parsed.frames(), small_stream_frames());
    EXPECT_EQ(parsed.events.size(), 4u);
}

TEST(FrameParser, DoesNotCareHowTheStreamIsCut) {
    Bytes stream = bytes_of("firmware says hello");
    append(stream, small_stream());
    append(stream, make_header_claiming(1000, 4));
    append(stream, small_stream());
    const Parsed whole = parse(stream);
    ASSERT_EQ(whole.frames().size(), 8u);
    for (std::size_t size = 1; size < stream.size(); ++size) {
        EXPECT_EQ(parse_in_pieces(stream, [&](std::size_t) { return size; }), whole);
        bool first = true;
        const auto two_pieces = [&](std::size_t left) {
            return std::exchange(first, false) ? size : left;
        };
        EXPECT_EQ(parse_in_pieces(stream, two_pieces), whole);
    }
}

TEST(FrameParser, DeliversAFrameWithItsLastByte) {
    FrameParser parser;
    const Bytes stream = make_frame(FrameType::log, 0, bytes_of("inject"));
    for (std::size_t i = 0; i < stream.size(); ++i) {
        ASSERT_EQ(parser.next(), std::nullopt);
        ASSERT_EQ(parser.feed(std::span{stream}.subspan(i, 1)), 1u);
    }
    const std::optional<Event> event = parser.next();
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(std::get<Frame>(*event).payload, bytes_of("inject"));
}

TEST(FrameParser, CountsGarbageBeforeBetweenAndAfter) {
    Bytes stream = bytes_of("before");
    append(stream, make_frame(FrameType::hello, 0, {}));
    append(stream, bytes_of("in between"));
    append(stream, make_frame(FrameType::end, 1, {}));
    append(stream, bytes_of("after it"));
    EXPECT_EQ(parse(stream).events,
              (std::vector<Event>{Garbage{6, bytes_of("before")}, Frame{FrameType::hello, 0, {}},
                                  Garbage{10, bytes_of("in between")}, Frame{FrameType::end, 1, {}},
                                  Garbage{8, bytes_of("after it")}}));
}

TEST(FrameParser, AFrameCutAnywhereCostsOnlyItselfAndDelaysNothing) {
    const Bytes cut = make_frame(FrameType::record, 1, bytes_of("some payload"));
    for (std::size_t size = 0; size < cut.size(); ++size) {
        Bytes stream = make_frame(FrameType::hello, 0, {});
        append(stream, std::span{cut}.first(size));
        append(stream, make_frame(FrameType::end, 2, {}));
        Parsed parsed;
        FrameParser parser;
        parser.consume(stream, [&](Event event) { parsed.events.push_back(std::move(event)); });
        ASSERT_EQ(parsed.frames(),
                  (std::vector<Frame>{{FrameType::hello, 0, {}}, {FrameType::end, 2, {}}}));
        EXPECT_EQ(parsed.gaps(), (std::vector<Gap>{{1, 2}}));
        EXPECT_EQ(parsed.garbage(), size);
    }
}

TEST(FrameParser, AnyFlippedBitCostsOneFrameAndForgesNone) {
    const Bytes good = small_stream();
    const std::vector<Frame> sent = small_stream_frames();
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        Bytes stream = good;
        stream[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        const std::vector<Frame> received = parse(stream).frames();
        ASSERT_EQ(received.size(), sent.size() - 1) << "bit " << bit;
        for (const Frame& frame : received) {
            ASSERT_EQ(std::count(sent.begin(), sent.end(), frame), 1) << "bit " << bit;
        }
    }
}

TEST(FrameParser, ReportsLostRepeatedAndRestartedNumbers) {
    Bytes stream;
    for (const std::uint32_t sequence : {0u, 1u, 5u, 6u, 6u}) {
        append(stream, make_frame(sequence == 0 ? FrameType::hello : FrameType::log, sequence, {}));
    }
    append(stream, make_frame(FrameType::hello, 0, {})); // the next machine
    append(stream, make_frame(FrameType::log, 1, {}));
    append(stream, make_frame(FrameType::hello, 3, {}));
    EXPECT_EQ(parse(stream).gaps(), (std::vector<Gap>{{2, 5}, {7, 6}, {0, 3}}));
    EXPECT_EQ(parse(stream).frames().size(), 8u);
}

TEST(FrameParser, NumbersWrap) {
    Bytes stream = make_frame(FrameType::log, max_frame_sequence, {});
    append(stream, make_frame(FrameType::log, 0, {}));
    EXPECT_EQ(parse(stream).gaps(), (std::vector<Gap>{{0, max_frame_sequence}}));
}

TEST(FrameParser, AFrameMayCarryFrames) {
    const Bytes inner = small_stream();
    const Bytes outer = make_frame(FrameType::record, 0, inner);
    const Parsed by_byte = parse_in_pieces(outer, [](std::size_t) { return std::size_t{1}; });
    EXPECT_EQ(by_byte.events, (std::vector<Event>{Frame{FrameType::record, 0, inner}}));
}

// What L2 might write: a header that is right in itself and claims 64 KiB. The next real frame ends
// it at once; nothing waits for the 64 KiB.
TEST(FrameParser, AForgedHeaderDelaysNothing) {
    Bytes stream = make_header_claiming(max_frame_payload, 0);
    append(stream, bytes_of("some bytes"));
    append(stream, make_frame(FrameType::log, 0, bytes_of("please")));
    FrameParser parser;
    ASSERT_EQ(parser.feed(stream), stream.size());
    EXPECT_EQ(std::get<Garbage>(parser.next().value()).count, frame_header_size + 10);
    EXPECT_EQ(std::get<Frame>(parser.next().value()).payload, bytes_of("please"));
    EXPECT_EQ(parser.next(), std::nullopt);
}

TEST(FrameParser, MegabytesOfForgedHeadersArePassedOver) {
    Bytes stream;
    while (stream.size() < 4 * 1024 * 1024) {
        append(stream, make_header_claiming(max_frame_payload, 0));
        append(stream, sync_word_bytes());
    }
    const std::size_t forged = stream.size();
    append(stream, make_frame(FrameType::end, 0, {}));
    const Parsed parsed = parse(stream);
    EXPECT_EQ(parsed.garbage(), forged);
    EXPECT_EQ(parsed.frames(), (std::vector<Frame>{{FrameType::end, 0, {}}}));
}

TEST(FrameParser, AFrameThatContainsASyncWordIsNoFrame) {
    Bytes payload = bytes_of("....");
    append(payload, sync_word_bytes());
    FrameHeader header;
    header.type = FrameType::record;
    header.payload_length = static_cast<std::uint32_t>(payload.size());
    const auto bytes = std::as_bytes(std::span{&header, 1});
    Crc32 crc;
    header.header_crc = crc.update(bytes.subspan<frame_crc_start>()).value();
    header.frame_crc = crc.update(payload).value();
    Bytes stream{bytes.begin(), bytes.end()};
    append(stream, payload);
    stream.push_back(frame_terminator);
    EXPECT_TRUE(parse(stream).frames().empty());
    EXPECT_EQ(parse(stream).garbage(), stream.size());
}

// A forger who knows the next frame's first bytes may leave them out of his own: with this payload
// the missing bytes are the front of a sync word. The real frame must not lose its head to him.
TEST(FrameParser, AFrameIsNotMadeWholeByTheNextFramesBytes) {
    const Bytes sync = sync_word_bytes();
    for (std::size_t missing = 1; missing < 10; ++missing) {
        Bytes payload(20);
        append(payload, std::span{sync}.first(std::min<std::size_t>(missing, 3)));
        Bytes stream = make_frame(FrameType::record, 0, payload);
        stream.resize(stream.size() - missing);
        append(stream, make_frame(FrameType::log, 1, {}));
        append(stream, make_frame(FrameType::log, 2, {}));
        EXPECT_EQ(parse(stream).frames(),
                  (std::vector<Frame>{{FrameType::log, 1, {}}, {FrameType::log, 2, {}}}))
            << missing << " bytes missing";
    }
}

TEST(FrameParser, AFrameWithoutItsTerminatorIsNoFrame) {
    Bytes stream = make_frame(FrameType::record, 0, bytes_of("payload"));
    stream.back() = std::byte{1};
    EXPECT_EQ(parse(stream).events.size(), 1u);
    EXPECT_EQ(parse(stream).garbage(), stream.size());
}

TEST(FrameParser, EndOfStreamReleasesWhatWaitsAndAllowsAnotherStream) {
    FrameParser parser;
    const Bytes claim = make_header_claiming(5, 0);
    ASSERT_EQ(parser.feed(claim), claim.size());
    EXPECT_EQ(parser.next(), std::nullopt);
    EXPECT_EQ(parser.buffered(), claim.size());
    parser.end_of_stream();
    EXPECT_EQ(std::get<Garbage>(parser.next().value()).count, claim.size());
    EXPECT_EQ(parser.next(), std::nullopt);
    EXPECT_EQ(parser.buffered(), 0u);

    const Bytes hello = make_frame(FrameType::hello, 0, {});
    ASSERT_EQ(parser.feed(hello), hello.size());
    EXPECT_EQ(std::get<Frame>(parser.next().value()).type, FrameType::hello);
    EXPECT_EQ(parser.next(), std::nullopt);
}

TEST(FrameParser, LongGarbageComesInPiecesOfOneSizeHoweverItIsCut) {
    Bytes stream(Garbage::max_count * 2 + 5, std::byte{'x'});
    append(stream, make_frame(FrameType::hello, 0, {}));
    const std::vector<Event> expected{Garbage{Garbage::max_count, Bytes(32, std::byte{'x'})},
                                      Garbage{Garbage::max_count, Bytes(32, std::byte{'x'})},
                                      Garbage{5, Bytes(5, std::byte{'x'})},
                                      Frame{FrameType::hello, 0, {}}};
    for (const std::size_t size : {std::size_t{7}, std::size_t{4096}, stream.size()}) {
        EXPECT_EQ(parse_in_pieces(stream, [&](std::size_t) { return size; }).events, expected);
    }
}

TEST(FrameParser, TakesNoMoreThanItsCapacityAndAlwaysSomething) {
    FrameParser parser;
    const Bytes flood(1024 * 1024, std::byte{0xd6});
    EXPECT_EQ(parser.feed(flood), FrameParser::capacity);
    EXPECT_EQ(parser.feed(flood), 0u);
    while (parser.next().has_value()) {
    }
    EXPECT_GT(parser.feed(flood), 0u);

    FrameParser waiting;
    Bytes nearly = make_frame(FrameType::record, 0, Bytes(max_frame_payload));
    nearly.pop_back();
    ASSERT_EQ(waiting.feed(nearly), nearly.size());
    EXPECT_EQ(waiting.next(), std::nullopt);
    EXPECT_GE(waiting.feed(flood), FrameParser::capacity - max_frame_size);
}

// Frames, cuts, forged headers and noise in any order, cut into any pieces.
TEST(FrameParser, AgreesWithTheReferenceOnDamagedStreams) {
    std::mt19937 random{4};
    const auto below = [&](std::uint32_t bound) {
        return static_cast<std::uint32_t>(random() % bound);
    };
    for (int turn = 0; turn < 500; ++turn) {
        Bytes stream;
        for (std::uint32_t part = below(12); part-- > 0;) {
            Bytes payload(below(60));
            for (std::byte& byte : payload) {
                byte = static_cast<std::byte>(random());
            }
            if (below(2) == 0) {
                append(payload, sync_word_bytes());
            }
            Bytes piece = make_frame(static_cast<FrameType>(1 + below(5)), below(4), payload);
            switch (below(6)) {
            case 0:
                piece.resize(below(static_cast<std::uint32_t>(piece.size())));
                break;
            case 1:
                piece[below(static_cast<std::uint32_t>(piece.size()))] ^= std::byte{0x10};
                break;
            case 2:
                piece = make_header_claiming(below(300), below(4));
                break;
            case 3:
                piece = payload;
                break;
            default:
                break; // a good frame
            }
            append(stream, piece);
        }
        const Parsed expected = parse_by_reference(stream);
        ASSERT_EQ(parse(stream), expected);
        ASSERT_EQ(parse_in_pieces(stream, [&](std::size_t) { return 1 + below(50); }), expected);
    }
}

} // namespace
} // namespace vmrunit::wire
