// SPDX-License-Identifier: GPL-2.0-only
// Ways out of the worker and into it: descriptors, files, a port of the machine it runs on, and
// rings in memory that somebody else maps too. Bytes are bytes; none of them knows what they mean.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace vmrunit::worker {

class OutputChannel {
public:
    virtual ~OutputChannel() = default;
    /// Takes as many bytes as it can without waiting, and says how many.
    [[nodiscard]] virtual std::size_t write(std::span<const std::byte> bytes) = 0;
    /// What poll() can wait on (POLLOUT) when it takes no more; -1 if there is nothing to wait on.
    [[nodiscard]] virtual int descriptor() const { return -1; }
    /// Nobody is there to read any more.
    [[nodiscard]] virtual bool closed() const { return false; }
    /// True where each byte counts as delivered once written, and costs so much that the guest had
    /// better wait until its frame is out.
    [[nodiscard]] virtual bool synchronous() const { return false; }
};

class InputChannel {
public:
    virtual ~InputChannel() = default;
    /// Bytes that are there, without waiting.
    [[nodiscard]] virtual std::size_t read(std::span<std::byte> into) = 0;
    [[nodiscard]] virtual int descriptor() const { return -1; }
    /// No byte will ever come again.
    [[nodiscard]] virtual bool ended() const { return false; }
};

/// "fd:N", "file:PATH", "port:0xe9", "window:PATH@OFFSET+SIZE".
[[nodiscard]] runner::Result<std::unique_ptr<OutputChannel>> open_output(std::string_view name);
/// "fd:N", "file:PATH" (a terminal line is made raw), "window:PATH@OFFSET+SIZE".
[[nodiscard]] runner::Result<std::unique_ptr<InputChannel>> open_input(std::string_view name);

} // namespace vmrunit::worker
