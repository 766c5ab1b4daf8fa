// SPDX-License-Identifier: GPL-2.0-only
// What tests look at to see that no process is left: children of this process, processes by number,
// and lines that lead to them. Waits end with the event, never with a sleep of a fixed length.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <poll.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace vmrunit::runner {

/// True if this process has no child, running or zombie.
inline bool no_children_left() {
    siginfo_t information{};
    return ::waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

/// True while a process runs; a zombie does not.
inline bool is_running(pid_t id) {
    std::ifstream status{"/proc/" + std::to_string(id) + "/stat"};
    std::string text;
    std::getline(status, text);
    const auto name_end = text.rfind(") ");
    return name_end != std::string::npos && text[name_end + 2] != 'Z' && text[name_end + 2] != 'X';
}

/// Whether a process that is nobody's child here ends in time.
inline bool ends_within(pid_t id, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (is_running(id)) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        ::poll(nullptr, 0, 1);
    }
    return true;
}

/// Everything until the other end is closed, at most 20 s of silence.
inline void read_until_end(int descriptor, std::string& text) {
    std::array<char, 4096> buffer{};
    for (;;) {
        pollfd source{descriptor, POLLIN, 0};
        if (::poll(&source, 1, 20'000) <= 0) {
            return;
        }
        const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
        if (count <= 0) {
            return;
        }
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

/// One line, without its end.
inline std::string read_line(int descriptor) {
    std::string text;
    for (char character = 0;;) {
        pollfd source{descriptor, POLLIN, 0};
        if (::poll(&source, 1, 20'000) <= 0 || ::read(descriptor, &character, 1) != 1 ||
            character == '\n') {
            return text;
        }
        text.push_back(character);
    }
}

} // namespace vmrunit::runner
