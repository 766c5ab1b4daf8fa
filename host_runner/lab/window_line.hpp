// SPDX-License-Identifier: GPL-2.0-only
// The runner's ends of windows: bytes in, bytes out, nobody waits. The other end is the worker's
// and is not trusted.
#pragma once

#include "harness/wire/ring.hpp"
#include "host_runner/files/shared_mapping.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace vmrunit::runner {

/// Requests to the worker. Formats the window.
class WindowWriter {
public:
    explicit WindowWriter(SharedMapping mapping);

    /// Takes as many bytes as there is room for, and says how many.
    [[nodiscard]] std::size_t write(std::span<const std::byte> bytes);

private:
    SharedMapping mapping_;
    std::unique_ptr<wire::NoDoorbell> doorbell_ = std::make_unique<wire::NoDoorbell>();
    wire::RingHeader* header_;
    std::span<std::byte> data_;
    std::optional<wire::RingProducer<wire::NoDoorbell>> producer_;
};

/// What the worker writes. There is nothing in it before the worker has formatted it.
class WindowReader {
public:
    explicit WindowReader(SharedMapping mapping);

    [[nodiscard]] std::size_t read(std::span<std::byte> into) { return consumer_.read(into).count; }

private:
    SharedMapping mapping_;
    wire::RingConsumer consumer_;
};

} // namespace vmrunit::runner
