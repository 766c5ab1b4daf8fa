// SPDX-License-Identifier: GPL-2.0-only
// The runner's end of QEMU's machine protocol.
#include "host_runner/targets/qmp_connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

constexpr std::size_t longest_line = std::size_t{4} << 20; // query-cpu-definitions: 100 KiB
constexpr std::size_t most_events = 1000;

} // namespace

void QmpConnection::receive() {
    std::array<char, 16384> buffer{};
    while (socket_.is_open()) {
        const ssize_t count = ::read(socket_.number(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count <= 0) { // a QEMU that dies with our command unread resets the connection
            socket_.reset();
            return;
        }
        std::string_view rest{buffer.data(), static_cast<std::size_t>(count)};
        for (auto newline = rest.find('\n'); newline != std::string_view::npos;
             newline = rest.find('\n')) {
            pending_.append(rest.substr(0, newline));
            take_line(pending_);
            pending_.clear();
            rest.remove_prefix(newline + 1);
        }
        pending_.append(rest);
        if (pending_.size() > longest_line) {
            socket_.reset();
        }
    }
}

void QmpConnection::take_line(std::string_view line) {
    auto message = nlohmann::json::parse(line, nullptr, false);
    if (!message.is_object()) {
        return;
    }
    if (message.contains("event")) {
        if (events_.size() < most_events) {
            events_.push_back(std::move(message));
        }
    } else if (message.contains("QMP")) {
        greeting_ = std::move(message["QMP"]);
    } else if (message.contains("id") && message["id"] == sent_) {
        reply_ = std::move(message); // an older number: its sender has given up waiting
    }
}

std::optional<nlohmann::json> QmpConnection::next_event() {
    if (events_.empty()) {
        return std::nullopt;
    }
    auto event = std::move(events_.front());
    events_.pop_front();
    return event;
}

template<class Condition>
bool QmpConnection::wait_until(std::chrono::milliseconds limit, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        receive();
        if (condition()) {
            return true;
        }
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (rest.count() <= 0 || !socket_.is_open()) {
            return false;
        }
        pollfd source{socket_.number(), POLLIN, 0};
        static_cast<void>(::poll(&source, 1, static_cast<int>(rest.count())));
    }
}

Result<nlohmann::json> QmpConnection::open(std::chrono::milliseconds limit) {
    if (!wait_until(limit, [this] { return greeting_.has_value(); })) {
        return failure(socket_.is_open() ? "QEMU does not answer on its monitor"
                                         : "QEMU closed its monitor");
    }
    if (auto entered = execute("qmp_capabilities", nlohmann::json::object(), limit); !entered) {
        return entered;
    }
    return *greeting_;
}

bool QmpConnection::send(const std::string& line) {
    std::string_view rest{line};
    while (!rest.empty() && socket_.is_open()) {
        const ssize_t count = ::send(socket_.number(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) {
            return false; // commands are far smaller than the socket's buffer
        }
        rest.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return rest.empty();
}

Result<nlohmann::json> QmpConnection::execute(const std::string& command,
                                              const nlohmann::json& arguments,
                                              std::chrono::milliseconds limit) {
    ++sent_;
    reply_.reset();
    const nlohmann::json request{{"execute", command}, {"arguments", arguments}, {"id", sent_}};
    if (!send(request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n") ||
        !wait_until(limit, [this] { return reply_.has_value(); })) {
        return failure("QEMU's monitor gives no answer to " + command);
    }
    if (reply_->contains("return")) {
        return std::move((*reply_)["return"]);
    }
    const auto error = reply_->value("error", nlohmann::json::object());
    const auto text = error.is_object() ? error.find("desc") : error.end();
    const bool readable = error.is_object() && text != error.end() && text->is_string();
    return failure("QEMU refuses " + command + ": " +
                   (readable ? text->get<std::string>() : std::string{"no reason given"}));
}

} // namespace vmrunit::runner
