// SPDX-License-Identifier: GPL-2.0-only
// The record stream of one VM as the supervisor takes it: from the ring in guest memory, or from
// the bytes of port 0xE9 while there is no ring. Believes nothing it reads there.
#pragma once

#include "harness/wire/frame_parser.hpp"
#include "harness/wire/ring.hpp"
#include "host_runner/kvm_worker/vm_state.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace vmrunit::worker {

class GuestStream {
public:
    using Clock = std::chrono::steady_clock;

    /// `ring` is guest memory, header page included, or empty. If somebody outside reads it (a
    /// window), this only looks: the consumer's index is then not ours.
    GuestStream(std::span<std::byte> ring, bool read_by_others, VmState& state);
    GuestStream(const GuestStream&) = delete;
    GuestStream& operator=(const GuestStream&) = delete;

    /// The next bytes of the stream, without waiting; none of what others read themselves.
    [[nodiscard]] std::size_t take(std::span<std::byte> into, Clock::time_point now);

    /// The guest rings for each frame from now on, so that each is out before it goes on.
    void ring_for_each_frame() { doorbell_each_frame_ = true; }

    /// When something last came that brings the plan forward.
    [[nodiscard]] Clock::time_point last_progress() const { return last_progress_; }
    [[nodiscard]] bool said_hello() const { return said_hello_; }
    /// The end of the plan, or a hello that refuses it: nothing more is to come.
    [[nodiscard]] bool complete() const { return complete_; }
    [[nodiscard]] bool refused() const { return refused_; }
    /// Bytes of the stream so far, whoever read them.
    [[nodiscard]] std::uint64_t count() const { return count_; }

    /// The ring has been wrong for so long that the guest will not put it right any more.
    [[nodiscard]] bool lost(Clock::time_point now) const;
    [[nodiscard]] std::string complaint() const;
    /// What came by the port while the ring was in use: doorbells aside, an L2's or last words.
    [[nodiscard]] const std::string& port_text() const { return port_text_; }

private:
    static constexpr std::chrono::milliseconds patience{500};

    [[nodiscard]] std::size_t take_from_port(std::span<std::byte> into);
    void drop_port_bytes();
    std::size_t look_into_ring(std::span<std::byte> scratch);
    void follow(std::span<const std::byte> bytes, Clock::time_point now);
    void note(Clock::time_point now);

    std::span<std::byte> ring_;
    wire::RingHeader* header_ = nullptr;
    bool read_by_others_;
    bool doorbell_each_frame_ = false;
    std::optional<wire::RingConsumer> consumer_;
    std::uint32_t looked_ = 0; ///< Where looking into a ring of others has come to.
    wire::RingConsumer port_;
    wire::RingStatus status_ = wire::RingStatus::not_formatted;
    std::optional<Clock::time_point> wrong_since_;

    wire::FrameParser parser_;
    Clock::time_point last_progress_;
    bool said_hello_ = false;
    bool refused_ = false;
    bool complete_ = false;
    std::uint64_t count_ = 0;
    std::string port_text_;
};

} // namespace vmrunit::worker
