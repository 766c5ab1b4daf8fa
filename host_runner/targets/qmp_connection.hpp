// SPDX-License-Identifier: GPL-2.0-only
// QEMU's machine protocol (QMP): one JSON object per line in each direction. The peer is a process
// that a hostile guest may have taken over, so lines are bounded and every access is checked.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/files/file_descriptor.hpp"

#include <chrono>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace vmrunit::runner {

class QmpConnection {
public:
    explicit QmpConnection(FileDescriptor socket) : socket_{std::move(socket)} {}

    /// For poll(); -1 once the connection has ended.
    [[nodiscard]] int descriptor() const { return socket_.number(); }

    /// Takes in what has arrived, without waiting.
    void receive();
    /// The oldest event that nobody has asked for yet.
    [[nodiscard]] std::optional<nlohmann::json> next_event();

    /// Waits for QEMU's greeting and leaves negotiation mode. The result is the greeting, which
    /// holds QEMU's version.
    [[nodiscard]] Result<nlohmann::json> open(std::chrono::milliseconds limit);
    /// What a command returns. Events that arrive meanwhile are kept.
    [[nodiscard]] Result<nlohmann::json> execute(const std::string& command,
                                                 const nlohmann::json& arguments,
                                                 std::chrono::milliseconds limit);

private:
    void take_line(std::string_view line);
    [[nodiscard]] bool send(const std::string& line);
    template<class Condition>
    bool wait_until(std::chrono::milliseconds limit, Condition condition);

    FileDescriptor socket_;
    std::string pending_;
    std::optional<nlohmann::json> greeting_;
    std::optional<nlohmann::json> reply_;
    std::deque<nlohmann::json> events_;
    unsigned sent_ = 0;
};

} // namespace vmrunit::runner
