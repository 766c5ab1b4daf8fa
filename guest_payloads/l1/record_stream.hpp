// SPDX-License-Identifier: GPL-2.0-only
// The way out for frames: the ring the plan names, or port 0xE9 byte by byte.
#pragma once

#include "harness/guest/cpu.hpp"
#include "harness/guest/debug_port.hpp"
#include "harness/wire/frame.hpp"
#include "harness/wire/ring.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vmrunit::guest {

/// One OUT to the port that carries the stream where there is no ring.
struct PortDoorbell {
    void ring() { write_port_8(debug_port, 0); }
    void relax() { pause(); }
};

/// A FrameSink: the ring once there is one, the port before.
class RecordSink {
public:
    void use_ring(wire::RingHeader& header, std::size_t data_size) {
        wire::format_ring(header, data_size, static_cast<std::uint32_t>(data_size / 4));
        ring_.emplace(header, std::span{reinterpret_cast<std::byte*>(&header + 1), data_size},
                      doorbell_);
    }

    void write(std::span<const std::byte> bytes) {
        if (ring_) {
            ring_->write(bytes);
        } else {
            write_debug_port(bytes);
        }
    }

    void flush() {
        if (ring_) {
            ring_->flush();
        }
    }

private:
    PortDoorbell doorbell_;
    std::optional<wire::RingProducer<PortDoorbell>> ring_;
};

using RecordFrames = wire::FrameWriter<RecordSink>;

class RecordStream {
public:
    /// `buffer` holds one frame; a record that needs more is reported as an overflow.
    explicit RecordStream(std::span<std::byte> buffer) : frames_{buffer, sequence_, sink_} {}
    RecordStream(const RecordStream&) = delete;
    RecordStream& operator=(const RecordStream&) = delete;

    /// From now on frames go into the ring at `header`.
    void use_ring(wire::RingHeader& header, std::size_t data_size) {
        sink_.use_ring(header, data_size);
    }
    /// Makes the runner read what is there: at the end, and before the machine may die.
    void flush() { sink_.flush(); }

    [[nodiscard]] RecordFrames& frames() { return frames_; }

    void log(std::string_view text) {
        (void)frames_.send(wire::FrameType::log, std::as_bytes(std::span{text}));
    }

private:
    RecordSink sink_;
    wire::FrameSequence sequence_;
    RecordFrames frames_;
};

} // namespace vmrunit::guest
