// SPDX-License-Identifier: GPL-2.0-only
// Making frames: header layout, the escape of sync words, FrameWriter.
#include "harness/wire/frame.hpp"

#include "tests/unit/frame_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace vmrunit::wire {
namespace {

using namespace test;

struct CollectingSink {
    Bytes stream;
    std::vector<std::size_t> writes;
    void write(std::span<const std::byte> bytes) {
        append(stream, bytes);
        writes.push_back(bytes.size());
    }
};

std::size_t find_sync_word_by_definition(std::span<const std::byte> bytes, std::size_t from) {
    const Bytes sync = sync_word_bytes();
    const auto at = std::search(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
                                sync.begin(), sync.end());
    return static_cast<std::size_t>(at - bytes.begin());
}

// Random bytes drawn from few values, so that sync words and halves of them are frequent.
Bytes sync_like_bytes(std::mt19937& random, std::size_t size) {
    const Bytes sync = sync_word_bytes();
    Bytes bytes;
    while (bytes.size() < size) {
        const auto draw = random();
        if (draw % 4 == 0) {
            append(bytes, sync);
        } else {
            bytes.push_back(draw % 4 == 1 ? std::byte{0} : sync[(draw >> 8) % sync.size()]);
        }
    }
    bytes.resize(size);
    return bytes;
}

TEST(Frame, HasTheDocumentedBytes) {
    const Bytes frame = make_frame(FrameType::begin, 0x01020304, bytes_of("abcd"));
    ASSERT_EQ(frame.size(), 29u);
    const std::span<const std::byte> covered = std::span{frame}.subspan(12, 16);
    ByteReader reader{frame};
    EXPECT_EQ(reader.u8(), 0xd6u);
    EXPECT_EQ(reader.u8(), 0xcdu);
    EXPECT_EQ(reader.u8(), 0xd2u);
    EXPECT_EQ(reader.u8(), 0xd5u);
    EXPECT_EQ(reader.u32(), crc32(covered.first(12)));
    EXPECT_EQ(reader.u32(), crc32(covered));
    EXPECT_EQ(reader.u16(), 0u) << "first escape";
    EXPECT_EQ(reader.u8(), 1u) << "version";
    EXPECT_EQ(reader.u8(), 2u) << "type";
    EXPECT_EQ(reader.u32(), 4u) << "length";
    EXPECT_EQ(reader.u32(), 0x01020304u) << "sequence";
    EXPECT_EQ(reader.u32(), 0x64636261u) << "payload";
    EXPECT_EQ(reader.u8(), 0u) << "terminator";
}

// What the order of the fields is for.
TEST(Frame, NoSyncWordFitsIntoAGoodHeaderBehindItsCrcs) {
    const Bytes sync = sync_word_bytes();
    const Bytes good = make_header_claiming(0x100, 7);
    for (std::size_t at = frame_crc_start - 1; at <= frame_header_size; ++at) {
        Bytes bytes = good;
        bytes.resize(frame_header_size + sync.size());
        std::copy(sync.begin(), sync.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
        bytes.resize(frame_header_size);
        const std::uint32_t crc = crc32(std::span{bytes}.subspan(frame_crc_start));
        ByteWriter{std::span{bytes}.subspan(4)}.u32(crc);
        const auto header = decode_frame_header(std::span{bytes}.first<frame_header_size>());
        EXPECT_EQ(header.has_value(), at == frame_header_size) << "sync word at " << at;
    }
}

TEST(Frame, SyncWordNeverOverlapsItself) {
    const Bytes sync = sync_word_bytes();
    EXPECT_EQ(std::count(sync.begin(), sync.end(), sync.front()), 1);
}

TEST(Frame, SyncWordSearchAgreesWithItsDefinition) {
    std::mt19937 random{2};
    for (int turn = 0; turn < 400; ++turn) {
        const Bytes bytes = sync_like_bytes(random, random() % 40);
        for (std::size_t from = 0; from <= bytes.size(); ++from) {
            ASSERT_EQ(find_sync_word(bytes, from), find_sync_word_by_definition(bytes, from));
        }
    }
}

TEST(Frame, SyncWordSearchFindsItAtEveryPlace) {
    const Bytes sync = sync_word_bytes();
    for (std::size_t at = 0; at < 40; ++at) {
        Bytes bytes(44);
        std::copy(sync.begin(), sync.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
        EXPECT_EQ(find_sync_word(bytes), at);
        EXPECT_EQ(find_sync_word(bytes, at), at);
        EXPECT_EQ(find_sync_word(bytes, at + 1), bytes.size());
        EXPECT_EQ(find_sync_word(std::span{bytes}.first(at + 3)), at + 3) << "not wholly inside";
    }
}

TEST(Frame, EscapeRemovesEverySyncWordAndRestoreBringsThemBack) {
    std::mt19937 random{3};
    for (int turn = 0; turn < 2000; ++turn) {
        const Bytes payload = sync_like_bytes(random, random() % 120);
        Bytes escaped = payload;
        const std::uint16_t first = escape_sync_words(escaped);
        ASSERT_EQ(find_sync_word_by_definition(escaped, 0), escaped.size());
        ASSERT_EQ(first == 0, escaped == payload);
        ASSERT_TRUE(restore_sync_words(escaped, first));
        ASSERT_EQ(escaped, payload);
    }
}

TEST(Frame, EscapeReachesTheEndOfTheLargestPayload) {
    Bytes payload(max_frame_payload);
    const Bytes sync = sync_word_bytes();
    std::copy(sync.begin(), sync.end(), payload.begin());
    std::copy(sync.begin(), sync.end(), payload.end() - 4);
    Bytes escaped = payload;
    EXPECT_EQ(escape_sync_words(escaped), 1);
    EXPECT_TRUE(restore_sync_words(escaped, 1));
    EXPECT_EQ(escaped, payload);

    std::fill(payload.begin(), payload.begin() + 4, std::byte{0});
    escaped = payload;
    EXPECT_EQ(escape_sync_words(escaped), max_frame_payload - 3);
}

TEST(Frame, RestoreRefusesLinksThatNoWriterMakes) {
    const auto restore = [](std::initializer_list<int> link, std::uint16_t first) {
        Bytes payload;
        for (const int byte : link) {
            payload.push_back(static_cast<std::byte>(byte));
        }
        payload.resize(12);
        return restore_sync_words(payload, first);
    };
    EXPECT_TRUE(restore({0, 0, 0, 0}, 1));
    EXPECT_TRUE(restore({5, 0, 0, 0}, 1)) << "the next one begins where this one ends";
    EXPECT_FALSE(restore({1, 0, 0, 0}, 1)) << "to itself";
    EXPECT_FALSE(restore({4, 0, 0, 0}, 1)) << "into itself";
    EXPECT_FALSE(restore({10, 0, 0, 0}, 1)) << "over the end";
    EXPECT_FALSE(restore({0, 0, 0, 0x7f}, 1)) << "far away";
    EXPECT_FALSE(restore({0x80, 0, 0, 0}, 1)) << "top bit";
    EXPECT_FALSE(restore({0, 0, 0, 0}, 10)) << "first over the end";
    EXPECT_FALSE(restore({0, 0, 0, 0, 1}, 5)) << "backwards";
}

TEST(FrameHeader, IsRefusedWhenAnyFieldIsNotAWriters) {
    const auto decode_with = [](auto change) {
        FrameHeader header;
        header.type = FrameType::log;
        change(header);
        const auto bytes = std::as_bytes(std::span{&header, 1});
        header.header_crc = crc32(bytes.subspan<frame_crc_start>());
        return decode_frame_header(bytes.first<frame_header_size>()).has_value();
    };
    EXPECT_TRUE(decode_with([](FrameHeader&) {}));
    EXPECT_TRUE(decode_with([](FrameHeader& h) { h.payload_length = max_frame_payload; }));
    EXPECT_FALSE(decode_with([](FrameHeader& h) { h.payload_length = max_frame_payload + 1; }));
    EXPECT_FALSE(decode_with([](FrameHeader& h) { h.sync_word ^= 1; }));
    EXPECT_TRUE(decode_with([](FrameHeader& h) { h.sequence = max_frame_sequence; }));
    EXPECT_FALSE(decode_with([](FrameHeader& h) { h.sequence = max_frame_sequence + 1; }));
    EXPECT_FALSE(decode_with([](FrameHeader& h) { h.version = 2; }));
    EXPECT_FALSE(decode_with([](FrameHeader& h) { h.type = FrameType{0}; }));
    EXPECT_FALSE(decode_with([](FrameHeader& h) { h.type = FrameType{7}; }));
}

TEST(FrameWriter, NumbersFramesAndHandsEachOverWhole) {
    std::array<std::byte, 128> buffer{};
    FrameSequence sequence;
    CollectingSink sink;
    FrameWriter writer{std::span<std::byte>{buffer}, sequence, sink};
    EXPECT_TRUE(writer.send(FrameType::hello, {}));
    EXPECT_TRUE(writer.send_begin(0xabcdef));
    writer.begin(FrameType::log).text("hello ");
    ByteWriter& payload = writer.begin(FrameType::record); // what was begun before is dropped
    payload.u32(7);
    EXPECT_TRUE(writer.finish());

    EXPECT_EQ(sink.writes, (std::vector<std::size_t>{25, 29, 29}));
    const Parsed parsed = parse(sink.stream);
    const std::vector<Frame> frames = parsed.frames();
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(parsed.events.size(), 3u);
    EXPECT_EQ(frames[0], (Frame{FrameType::hello, 0, {}}));
    EXPECT_EQ(frames[1].type, FrameType::begin);
    EXPECT_EQ(decode_begin(frames[1].payload), 0xabcdefu);
    EXPECT_EQ(frames[2].sequence, 2u);
    EXPECT_EQ(ByteReader{frames[2].payload}.u32(), 7u);
}

TEST(FrameWriter, WhatDoesNotFitIsMissingVisibly) {
    std::array<std::byte, frame_overhead + 8> buffer{};
    FrameSequence sequence;
    CollectingSink sink;
    FrameWriter writer{std::span<std::byte>{buffer}, sequence, sink};
    EXPECT_TRUE(writer.send(FrameType::hello, {}));
    EXPECT_FALSE(writer.send(FrameType::log, bytes_of("nine char")));
    EXPECT_TRUE(writer.send(FrameType::log, bytes_of("eight ch")));

    const Parsed parsed = parse(sink.stream);
    EXPECT_EQ(parsed.gaps(), (std::vector<Gap>{{1, 2}}));
    ASSERT_EQ(parsed.frames().size(), 2u);
    EXPECT_EQ(parsed.frames()[1].payload, bytes_of("eight ch"));
}

TEST(FrameWriter, NeverExceedsTheLargestPayload) {
    Bytes buffer(2 * max_frame_size);
    FrameSequence sequence;
    CollectingSink sink;
    FrameWriter writer{std::span<std::byte>{buffer}, sequence, sink};
    EXPECT_TRUE(writer.send(FrameType::record, Bytes(max_frame_payload)));
    EXPECT_FALSE(writer.send(FrameType::record, Bytes(max_frame_payload + 1)));
    ASSERT_EQ(parse(sink.stream).frames().size(), 1u);
    EXPECT_EQ(parse(sink.stream).frames()[0].payload.size(), max_frame_payload);
}

TEST(FrameSequence, StartsAtZeroAndHas31Bits) {
    FrameSequence sequence;
    EXPECT_EQ(sequence.take(), 0u);
    EXPECT_EQ(sequence.take(), 1u);
    FrameSequence late{max_frame_sequence};
    EXPECT_EQ(late.take(), max_frame_sequence);
    EXPECT_EQ(late.take(), 0u);
}

TEST(Begin, PayloadIsExactlyOneIndex) {
    EXPECT_EQ(decode_begin(Bytes(4)), 0u);
    EXPECT_EQ(decode_begin(Bytes(3)), std::nullopt);
    EXPECT_EQ(decode_begin(Bytes(5)), std::nullopt);
}

} // namespace
} // namespace vmrunit::wire
