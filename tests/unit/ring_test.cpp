// SPDX-License-Identifier: GPL-2.0-only
// Both ends of the ring, at every offset, full, empty, between threads, and with a header that a
// hostile guest has written.
#include "harness/wire/ring.hpp"

#include "harness/wire/frame.hpp"
#include "tests/unit/frame_stream.hpp"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <stdexcept>
#include <thread>

namespace vmrunit::wire {
namespace {

using namespace test;

struct TestDoorbell {
    std::function<void()> on_ring = [] {};
    int rings = 0;
    int relaxes = 0;
    int most_rings = 20;   // more: nobody makes room, and the test would hang
    bool has_peer = false; ///< Another thread makes room; alone, a yield is time given away.
    void ring() {
        if (++rings > most_rings) {
            throw std::runtime_error{"the ring stays full"};
        }
        on_ring();
    }
    void relax() {
        ++relaxes;
        if (has_peer) {
            std::this_thread::yield();
        }
    }
};

struct TestRing {
    explicit TestRing(std::size_t size, std::uint32_t threshold = 0) : data(size) {
        format_ring(*header, size, threshold);
    }

    RingProducer<TestDoorbell> producer() { return {*header, data, doorbell}; }
    RingConsumer consumer() { return {*header, data}; }

    std::unique_ptr<RingHeader> header = std::make_unique<RingHeader>();
    Bytes data;
    TestDoorbell doorbell;
};

Bytes read(RingConsumer& consumer, std::size_t most = 4096) {
    Bytes bytes(most);
    const RingRead result = consumer.read(bytes);
    EXPECT_EQ(result.status, RingStatus::ok);
    bytes.resize(result.count);
    return bytes;
}

Bytes counting_bytes(std::size_t size, unsigned start) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>(start + i);
    }
    return bytes;
}

TEST(Ring, WrapsAtEveryOffsetWithEveryLength) {
    constexpr std::size_t size = 32;
    for (std::size_t offset = 0; offset < size; ++offset) {
        for (std::size_t length = 0; length <= size; ++length) {
            TestRing ring{size};
            RingProducer producer = ring.producer();
            RingConsumer consumer = ring.consumer();
            producer.write(Bytes(offset));
            ASSERT_EQ(read(consumer).size(), offset);
            const Bytes sent = counting_bytes(length, 1);
            producer.write(sent);
            ASSERT_EQ(read(consumer), sent) << "offset " << offset << " length " << length;
            ASSERT_TRUE(read(consumer).empty());
        }
    }
}

TEST(Ring, IndicesRunThroughZero) {
    TestRing ring{16};
    constexpr std::uint32_t start = 0xfffffff4;
    ring.header->producer = start;
    ring.header->consumer = start;
    RingProducer producer = ring.producer();
    RingConsumer consumer{*ring.header, ring.data, start};
    for (unsigned turn = 0; turn < 5; ++turn) {
        producer.write(counting_bytes(7, turn));
        ASSERT_EQ(read(consumer), counting_bytes(7, turn));
    }
    EXPECT_EQ(ring.header->producer, 23u);
    EXPECT_EQ(ring.header->consumer, 23u);

    ring.header->producer = 22;
    Bytes bytes(16);
    EXPECT_EQ(consumer.read(bytes).status, RingStatus::wrong_producer);
}

TEST(Ring, PartialReadsKeepTheOrder) {
    TestRing ring{64};
    RingProducer producer = ring.producer();
    RingConsumer consumer = ring.consumer();
    producer.write(counting_bytes(50, 0));
    Bytes received;
    for (Bytes piece = read(consumer, 7); !piece.empty(); piece = read(consumer, 7)) {
        append(received, piece);
    }
    EXPECT_EQ(received, counting_bytes(50, 0));
}

TEST(Ring, AFullRingRingsOnceAndWaits) {
    TestRing ring{32};
    RingConsumer consumer = ring.consumer();
    Bytes received;
    ring.doorbell.on_ring = [&] { append(received, read(consumer)); };
    RingProducer producer = ring.producer();
    producer.write(counting_bytes(20, 0));
    EXPECT_EQ(ring.doorbell.rings, 0);
    producer.write(counting_bytes(20, 20));
    EXPECT_EQ(ring.doorbell.rings, 1);
    EXPECT_EQ(ring.doorbell.relaxes, 0) << "the doorbell was answered at once";
    EXPECT_EQ(ring.header->full_waits, 1u);
    EXPECT_EQ(ring.header->doorbells, 1u);
    append(received, read(consumer));
    EXPECT_EQ(received, counting_bytes(40, 0));
}

TEST(Ring, ALostDoorbellIsRungAgain) {
    TestRing ring{32};
    RingConsumer consumer = ring.consumer();
    ring.doorbell.on_ring = [&] {
        if (ring.doorbell.rings == 2) {
            EXPECT_EQ(read(consumer).size(), 32u);
        }
    };
    RingProducer producer = ring.producer();
    producer.write(Bytes(33));
    EXPECT_EQ(ring.doorbell.rings, 2);
    EXPECT_GT(ring.doorbell.relaxes, 1000);
}

TEST(Ring, WritesMoreThanItsSizeInParts) {
    TestRing ring{32};
    RingConsumer consumer = ring.consumer();
    Bytes received;
    ring.doorbell.on_ring = [&] { append(received, read(consumer)); };
    RingProducer producer = ring.producer();
    producer.write(counting_bytes(200, 0));
    append(received, read(consumer));
    EXPECT_EQ(received, counting_bytes(200, 0));
}

TEST(Ring, RingsWhenTheUnreadBytesReachTheThreshold) {
    TestRing ring{64, 20};
    RingConsumer consumer = ring.consumer();
    RingProducer producer = ring.producer();
    producer.write(Bytes(19));
    EXPECT_EQ(ring.doorbell.rings, 0);
    producer.write(Bytes(1));
    EXPECT_EQ(ring.doorbell.rings, 1);
    producer.write(Bytes(20));
    EXPECT_EQ(ring.doorbell.rings, 1) << "told already";
    EXPECT_EQ(read(consumer).size(), 40u);
    producer.write(Bytes(20));
    EXPECT_EQ(ring.doorbell.rings, 2);
}

TEST(Ring, FlushRingsOnlyForSomethingUnread) {
    TestRing ring{64};
    RingConsumer consumer = ring.consumer();
    RingProducer producer = ring.producer();
    producer.flush();
    EXPECT_EQ(ring.doorbell.rings, 0);
    producer.write(Bytes(1));
    producer.flush();
    EXPECT_EQ(ring.doorbell.rings, 1);
    EXPECT_EQ(read(consumer).size(), 1u);
    producer.flush();
    EXPECT_EQ(ring.doorbell.rings, 1);
}

TEST(Ring, ReservedBytesAppearWithTheCommit) {
    TestRing ring{32};
    RingConsumer consumer = ring.consumer();
    RingProducer producer = ring.producer();
    const std::span<std::byte> room = producer.reserve(24);
    ASSERT_EQ(room.size(), 24u);
    room[23] = std::byte{9};
    EXPECT_TRUE(read(consumer).empty());
    producer.commit(24);
    const Bytes received = read(consumer);
    ASSERT_EQ(received.size(), 24u);
    EXPECT_EQ(received[23], std::byte{9});
    EXPECT_TRUE(producer.reserve(9).empty()) << "only 8 are left before the end";
    EXPECT_EQ(producer.reserve(8).size(), 8u);
}

TEST(Ring, WhatTheGuestPublishedSurvivesIt) {
    TestRing ring{256};
    std::array<std::byte, 64> buffer{};
    FrameSequence sequence;
    {
        RingProducer producer = ring.producer();
        FrameWriter writer{std::span<std::byte>{buffer}, sequence, producer};
        ASSERT_TRUE(writer.send_begin(41));
        writer.begin(FrameType::record).u32(1); // dies while building it
    }
    EXPECT_EQ(ring.doorbell.rings, 0) << "begin costs no exit";
    RingConsumer consumer = ring.consumer();
    const Parsed parsed = parse(read(consumer));
    ASSERT_EQ(parsed.events.size(), 1u);
    EXPECT_EQ(decode_begin(parsed.frames().at(0).payload), 41u);
}

TEST(Ring, HeadersOfAnotherKindAreNamed) {
    TestRing ring{64};
    RingConsumer consumer = ring.consumer();
    Bytes bytes(64);
    ring.header->producer = 1;
    ring.header->magic = 0;
    EXPECT_EQ(consumer.read(bytes).status, RingStatus::not_formatted);
    ring.header->magic = ring_magic;
    ring.header->version = 2;
    EXPECT_EQ(consumer.read(bytes).status, RingStatus::wrong_version);
    ring.header->version = ring_version;
    for (const std::uint32_t size : {0u, 32u, 63u, 128u, 0xffffffffu}) {
        ring.header->data_size = size;
        EXPECT_EQ(consumer.read(bytes).status, RingStatus::wrong_size);
    }
    ring.header->data_size = 64;
    EXPECT_EQ(consumer.read(bytes).count, 1u) << "no status is final";
}

// An L2 that writes all over the header costs no record: the producer stores its own index again.
TEST(Ring, AHeaderScribbledOverLaterIsStillARing) {
    TestRing ring{64};
    RingProducer producer = ring.producer();
    RingConsumer consumer = ring.consumer();
    producer.write(bytes_of("first"));
    EXPECT_EQ(read(consumer), bytes_of("first"));
    producer.write(bytes_of("second"));
    std::memset(static_cast<void*>(ring.header.get()), 0xa5, sizeof *ring.header);
    Bytes bytes(64);
    EXPECT_EQ(consumer.read(bytes).status, RingStatus::wrong_producer);
    producer.write(bytes_of(" third"));
    EXPECT_EQ(read(consumer), bytes_of("second third"));
}

TEST(Ring, AConsumerOfAnImpossibleSizeReadsNothing) {
    RingHeader header{};
    format_ring(header, 48, 0);
    const Bytes data(48);
    Bytes bytes(48);
    RingConsumer consumer{header, data};
    EXPECT_EQ(consumer.read(bytes).status, RingStatus::wrong_size);
    EXPECT_FALSE(is_ring_size(0));
    EXPECT_FALSE(is_ring_size(48));
    EXPECT_FALSE(is_ring_size(max_ring_size * 2));
    EXPECT_TRUE(is_ring_size(4096));
}

TEST(Ring, AHostileProducerIndexIsRefusedAndChangesNothing) {
    TestRing ring{64};
    RingProducer producer = ring.producer();
    RingConsumer consumer = ring.consumer();
    producer.write(Bytes(10));
    ASSERT_EQ(read(consumer).size(), 10u);
    producer.write(counting_bytes(5, 0));

    Bytes bytes(4096);
    for (const std::uint32_t hostile : {9u, 0u, 75u, 0x80000000u, 0xffffffffu}) {
        ring.header->producer = hostile;
        const RingRead result = consumer.read(bytes);
        EXPECT_EQ(result.status, RingStatus::wrong_producer) << hostile;
        EXPECT_EQ(result.count, 0u);
    }
    EXPECT_EQ(consumer.consumed(), 10u);

    producer.write(counting_bytes(1, 5)); // puts the true index back
    EXPECT_EQ(read(consumer), counting_bytes(6, 0));
}

TEST(Ring, AHostileConsumerIndexIsPutRightByTheNextRead) {
    TestRing ring{32};
    RingConsumer consumer = ring.consumer();
    RingProducer producer = ring.producer();
    producer.write(counting_bytes(16, 0));
    ring.header->consumer = 12345; // L2 wrote here
    EXPECT_EQ(read(consumer, 8), counting_bytes(8, 0));
    EXPECT_EQ(ring.header->consumer, 8u);

    EXPECT_EQ(read(consumer, 8), counting_bytes(8, 8));
    ring.header->consumer = 12345;
    ring.doorbell.on_ring = [&] { EXPECT_TRUE(read(consumer).empty()); };
    producer.write(counting_bytes(20, 16)); // takes the ring for full, rings, is answered
    EXPECT_EQ(ring.doorbell.rings, 1);
    EXPECT_EQ(read(consumer), counting_bytes(20, 16));
}

TEST(Ring, CarriesAStreamBetweenThreads) {
    TestRing ring{256, 1};
    constexpr std::uint32_t frame_count = 5000;
    ring.doorbell.has_peer = true;
    ring.doorbell.most_rings = std::numeric_limits<int>::max();
    std::thread guest{[&] {
        std::array<std::byte, 128> buffer{};
        FrameSequence sequence;
        RingProducer producer = ring.producer();
        FrameWriter writer{std::span<std::byte>{buffer}, sequence, producer};
        for (std::uint32_t i = 0; i < frame_count; ++i) {
            EXPECT_TRUE(writer.send(FrameType::record, counting_bytes(i % 90, i)));
        }
    }};
    RingConsumer consumer = ring.consumer();
    FrameParser parser;
    std::uint32_t received = 0;
    while (received < frame_count) {
        const Bytes bytes = read(consumer, 100);
        parser.consume(bytes, [&](const Event& event) {
            const Frame& frame = std::get<Frame>(event);
            ASSERT_EQ(frame.sequence, received);
            ASSERT_EQ(frame.payload, counting_bytes(received % 90, received));
            ++received;
        });
        if (bytes.empty()) {
            std::this_thread::yield();
        }
    }
    guest.join();
    EXPECT_TRUE(read(consumer).empty());
}

} // namespace
} // namespace vmrunit::wire
