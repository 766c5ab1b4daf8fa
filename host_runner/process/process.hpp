// SPDX-License-Identifier: GPL-2.0-only
// A child process with one owner. It has a process group of its own, gets exactly the descriptors
// it is given, dies with the thread that started it (so nothing survives a killed runner), and
// neither it nor a zombie is left when its owner goes.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/files/file_descriptor.hpp"
#include "host_runner/process/process_status.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace vmrunit::runner {

/// What to execute, and what it inherits. The descriptors stay the caller's.
struct Command {
    std::vector<std::string> arguments; ///< The first is the program, a path or a name in PATH.
    int input = -1;                     ///< Descriptors for 0, 1 and 2; -1 is /dev/null.
    int output = -1;
    int errors = -1;
    std::vector<int> descriptors{}; ///< These become 3, 4, and so on.
    bool dies_with_parent = true;

    /// Hands one more descriptor on. Returns its number in the child.
    int hand_over(int descriptor) {
        descriptors.push_back(descriptor);
        return 2 + static_cast<int>(descriptors.size());
    }
};

class Process {
public:
    /// Returns when the program runs or could not be executed.
    [[nodiscard]] static Result<Process> start(const Command& command);

    Process(Process&& other) noexcept = default;
    Process& operator=(Process&& other) noexcept;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() { kill(); }

    [[nodiscard]] pid_t id() const { return id_; }
    /// Readable for poll() once the process has ended.
    [[nodiscard]] int descriptor() const { return descriptor_.number(); }

    /// How it ended, or nothing if it still runs after `limit`.
    [[nodiscard]] std::optional<ProcessStatus> wait_for(std::chrono::milliseconds limit);
    /// SIGTERM to the group, `grace` for it to go, then as kill().
    ProcessStatus terminate(std::chrono::milliseconds grace);
    /// SIGKILL to the whole group, and the zombie collected. Harmless when it has ended already.
    ProcessStatus kill();

private:
    Process(pid_t id, FileDescriptor descriptor) : id_{id}, descriptor_{std::move(descriptor)} {}
    ProcessStatus collect();

    pid_t id_ = -1;
    FileDescriptor descriptor_; ///< A pidfd; open until the process has been collected.
    ProcessStatus status_;
};

} // namespace vmrunit::runner
