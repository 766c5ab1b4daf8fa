// SPDX-License-Identifier: GPL-2.0-only
// The record stream of a machine whose memory the runner maps: the ring of harness/wire/ring.hpp in
// a shared mapping, and a watch over whether its indices still make sense.
#pragma once

#include "harness/wire/ring.hpp"
#include "host_runner/error.hpp"
#include "host_runner/files/shared_mapping.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace vmrunit::runner {

class RingReader {
public:
    using Clock = std::chrono::steady_clock;

    /// `memory` is the file that backs guest memory from address 0 on, `memory_size` its size;
    /// `size` counts the ring's header page.
    [[nodiscard]] static Result<RingReader> of(int memory, std::uint64_t memory_size,
                                               std::uint64_t address, std::uint32_t size);

    /// Bytes moved out of the ring, without waiting. 0 if there are none, if the guest has not
    /// formatted it yet, or if it makes no sense at the moment.
    [[nodiscard]] std::size_t take(std::span<std::byte> into, Clock::time_point now);

    /// Whether the guest had made a ring of this memory at the last `take`, good or bad.
    [[nodiscard]] bool formatted() const { return status_ != wire::RingStatus::not_formatted; }
    /// Says what is wrong with the ring if it was wrong at the last `take`.
    [[nodiscard]] std::string complaint() const;
    /// True if it has been wrong for so long that the guest will not put it right any more. An L2
    /// may overwrite an index that the next record of L1 restores.
    [[nodiscard]] bool lost(Clock::time_point now) const {
        return wrong_since_ && now - *wrong_since_ >= patience;
    }

private:
    static constexpr std::chrono::milliseconds patience{500};

    explicit RingReader(SharedMapping mapping);

    SharedMapping mapping_;
    wire::RingConsumer consumer_;
    wire::RingStatus status_ = wire::RingStatus::not_formatted;
    std::optional<Clock::time_point> wrong_since_;
};

} // namespace vmrunit::runner
