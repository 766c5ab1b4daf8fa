// SPDX-License-Identifier: GPL-2.0-only
// The ring: guest memory that the runner maps, by which frames leave the guest without an exit.
// One page of header, then data, a power of two in size. Indices run freely and have 32 bits, so
// that an L1 in any mode stores them in one piece. The guest publishes whole frames, and what is
// published can be read after the guest has died. The runner believes nothing it reads here.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmrunit::wire {

inline constexpr std::uint32_t ring_magic = 0x676e6952; // "Ring"
inline constexpr std::uint32_t ring_version = 1;
inline constexpr std::size_t max_ring_size = std::size_t{1} << 30;

constexpr bool is_ring_size(std::size_t size) {
    return size != 0 && (size & (size - 1)) == 0 && size <= max_ring_size;
}

namespace detail {

// Compiler built-ins rather than <atomic>, which drags half of a hosted library into the guest.
inline std::uint32_t load_acquire(const std::uint32_t& shared) {
    return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
}
inline void store_release(std::uint32_t& shared, std::uint32_t value) {
    __atomic_store_n(&shared, value, __ATOMIC_RELEASE);
}
// For the two indices. Each side stores its own and then looks at the other's; were the look to
// overtake the store, the guest could ring no doorbell while the runner goes to sleep.
inline void store_index(std::uint32_t& shared, std::uint32_t value) {
    __atomic_store_n(&shared, value, __ATOMIC_SEQ_CST);
}
constexpr std::size_t smaller(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}

} // namespace detail

// What each side stores often has a cache line of its own.
struct alignas(4096) RingHeader {
    // Written once, by whoever formats the ring; the magic last.
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t data_size;
    std::uint8_t reserved_00c[0x040 - 0x00c];
    // Written by the guest.
    std::uint32_t producer;
    std::uint8_t reserved_044[0x080 - 0x044];
    // Written by the runner. The guest rings when the unread bytes reach the threshold; 0: never.
    std::uint32_t consumer;
    std::uint32_t doorbell_threshold;
    std::uint8_t reserved_088[0x0c0 - 0x088];
    // Written by the guest, for reports only.
    std::uint32_t doorbells;  // how often the guest rang
    std::uint32_t full_waits; // how often it found the ring full
    std::uint8_t reserved_0c8[0x1000 - 0x0c8];
};
// clang-format off
static_assert(offsetof(RingHeader, magic)              == 0x000);
static_assert(offsetof(RingHeader, version)            == 0x004);
static_assert(offsetof(RingHeader, data_size)          == 0x008);
static_assert(offsetof(RingHeader, producer)           == 0x040);
static_assert(offsetof(RingHeader, consumer)           == 0x080);
static_assert(offsetof(RingHeader, doorbell_threshold) == 0x084);
static_assert(offsetof(RingHeader, doorbells)          == 0x0c0);
static_assert(offsetof(RingHeader, full_waits)         == 0x0c4);
static_assert(sizeof(RingHeader)                       == 0x1000);
// clang-format on

// Makes an empty ring of memory with any content. The size must satisfy is_ring_size().
inline void format_ring(RingHeader& header, std::size_t data_size,
                        std::uint32_t doorbell_threshold) {
    detail::store_release(header.magic, 0);
    header.version = ring_version;
    header.data_size = static_cast<std::uint32_t>(data_size);
    header.doorbell_threshold = doorbell_threshold;
    header.producer = 0;
    header.consumer = 0;
    header.doorbells = 0;
    header.full_waits = 0;
    detail::store_release(header.magic, ring_magic);
}

template<class Doorbell>
concept RingDoorbell = requires(Doorbell& doorbell) {
    doorbell.ring();  // tells the runner to read: one OUT in the guest
    doorbell.relax(); // called while waiting: PAUSE in the guest
};

// For a ring whose reader looks by itself.
struct NoDoorbell {
    void ring() {}
    void relax() {}
};

// The guest's end; a FrameSink. It keeps its index to itself and only ever stores it, so that an L2
// that scribbles over the header does not move it.
template<RingDoorbell Doorbell>
class RingProducer {
public:
    // Goes on where the header says, which is the beginning of a ring just formatted.
    RingProducer(RingHeader& header, std::span<std::byte> data, Doorbell& doorbell)
        : header_{header}, data_{data}, doorbell_{doorbell}, producer_{header.producer} {}

    // Waits for room. What fits the ring is published by one store, after all of it is in place.
    void write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const std::size_t count = detail::smaller(bytes.size(), data_.size());
            wait_for_room(count);
            const std::size_t at = offset();
            const std::size_t before_end = detail::smaller(count, data_.size() - at);
            __builtin_memcpy(data_.data() + at, bytes.data(), before_end);
            if (count != before_end) {
                __builtin_memcpy(data_.data(), bytes.data() + before_end, count - before_end);
            }
            publish(count);
            bytes = bytes.subspan(count);
        }
    }

    // `count` bytes in one piece to build a frame in, or nothing if the ring's end is nearer than
    // that (then build elsewhere and write()). Waits for room; nothing is visible before commit().
    [[nodiscard]] std::span<std::byte> reserve(std::size_t count) {
        if (count > data_.size() - offset()) {
            return {};
        }
        wait_for_room(count);
        return data_.subspan(offset(), count);
    }
    void commit(std::size_t count) { publish(count); }

    // Rings if anything is unread: at the end, and before waiting for an answer.
    void flush() {
        if (unread() != 0) {
            ring();
        }
    }

private:
    // The runner answers a doorbell. Should one have got lost, ring again after this many relax().
    static constexpr std::uint32_t relax_before_next_ring = 1u << 16;

    [[nodiscard]] std::size_t offset() const { return producer_ & (data_.size() - 1); }

    [[nodiscard]] std::uint32_t unread() const {
        return producer_ - detail::load_acquire(header_.consumer);
    }

    // A consumer index that makes no sense (L2 wrote it) counts as full; the runner's next read
    // puts the true one back.
    [[nodiscard]] bool has_room(std::size_t count) const {
        const std::size_t used = unread();
        return used <= data_.size() && data_.size() - used >= count;
    }

    void wait_for_room(std::size_t count) {
        if (has_room(count)) {
            return;
        }
        header_.full_waits = header_.full_waits + 1;
        for (std::uint32_t turn = 0; !has_room(count); ++turn) {
            if (turn % relax_before_next_ring == 0) {
                ring();
            } else {
                doorbell_.relax();
            }
        }
    }

    void publish(std::size_t count) {
        producer_ += static_cast<std::uint32_t>(count);
        detail::store_index(header_.producer, producer_);
        const std::uint32_t after = unread();
        const std::uint32_t before = after - static_cast<std::uint32_t>(count);
        const std::uint32_t threshold = detail::load_acquire(header_.doorbell_threshold);
        if (threshold != 0 && after >= threshold && before < threshold) {
            ring();
        }
    }

    void ring() {
        header_.doorbells = header_.doorbells + 1;
        doorbell_.ring();
    }

    RingHeader& header_;
    std::span<std::byte> data_;
    Doorbell& doorbell_;
    std::uint32_t producer_;
};

enum class RingStatus {
    ok,
    not_formatted, // the guest has not come that far
    wrong_version,
    wrong_size,
    wrong_producer, // further ahead than the ring is large
};

// For reports.
constexpr const char* describe(RingStatus status) {
    switch (status) {
    case RingStatus::ok:
        return "ok";
    case RingStatus::not_formatted:
        return "the guest has not formatted the ring";
    case RingStatus::wrong_version:
        return "the ring has another version";
    case RingStatus::wrong_size:
        return "the ring states another size than it has";
    case RingStatus::wrong_producer:
        return "the producer index is further ahead than the ring is large";
    }
    return "unknown ring status";
}

struct RingRead {
    RingStatus status = RingStatus::ok;
    std::size_t count = 0;
};

// The runner's end. Size and consumer index are its own; of what the guest can write it uses one
// copy of the producer index, checked.
class RingConsumer {
public:
    // A ring that was read before is taken over where that reader stopped, at its consumed().
    RingConsumer(RingHeader& header, std::span<const std::byte> data, std::uint32_t consumed = 0)
        : header_{header}, data_{data}, consumer_{consumed} {}

    // Moves up to destination.size() bytes out of the ring. Before it waits for a doorbell the
    // runner must have read until the count is 0. No status is final: the guest may yet
    // format the ring, or put a producer index right that L2 has overwritten.
    [[nodiscard]] RingRead read(std::span<std::byte> destination) {
        if (const RingStatus status = look_at_format(); status != RingStatus::ok) {
            return {status};
        }
        const std::size_t size = data_.size();
        const std::uint32_t producer = detail::load_acquire(header_.producer);
        const std::uint32_t unread = producer - consumer_;
        if (unread > size) {
            put_index_back(); // or a guest whose header was overwritten waits for room for ever
            return {RingStatus::wrong_producer};
        }
        const std::size_t count = detail::smaller(unread, destination.size());
        const std::size_t at = consumer_ & (size - 1);
        const std::size_t before_end = detail::smaller(count, size - at);
        if (before_end != 0) {
            __builtin_memcpy(destination.data(), data_.data() + at, before_end);
        }
        if (count != before_end) {
            __builtin_memcpy(destination.data() + before_end, data_.data(), count - before_end);
        }
        consumer_ += static_cast<std::uint32_t>(count);
        put_index_back();
        return {RingStatus::ok, count};
    }

    [[nodiscard]] std::uint32_t consumed() const { return consumer_; }

private:
    // Once: what an L2 writes over these later says nothing of the ring, and what the cases before
    // it have published is still to be read.
    [[nodiscard]] RingStatus look_at_format() {
        if (formatted_) {
            return RingStatus::ok;
        }
        if (detail::load_acquire(header_.magic) != ring_magic) {
            return RingStatus::not_formatted;
        }
        if (detail::load_acquire(header_.version) != ring_version) {
            return RingStatus::wrong_version;
        }
        const std::size_t size = detail::load_acquire(header_.data_size);
        if (size != data_.size() || !is_ring_size(size)) {
            return RingStatus::wrong_size;
        }
        formatted_ = true;
        return RingStatus::ok;
    }

    // Also without news, in case L2 has overwritten it; but then not a store for nothing.
    void put_index_back() {
        if (detail::load_acquire(header_.consumer) != consumer_) {
            detail::store_index(header_.consumer, consumer_);
        }
    }

    RingHeader& header_;
    std::span<const std::byte> data_;
    std::uint32_t consumer_;
    bool formatted_ = false;
};

} // namespace vmrunit::wire
