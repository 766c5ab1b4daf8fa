// SPDX-License-Identifier: GPL-2.0-only
// A file descriptor with one owner, closed when the owner goes.
#pragma once

#include "host_runner/error.hpp"

#include <string_view>
#include <utility>

namespace vmrunit::runner {

class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int number) : number_{number} {}
    FileDescriptor(FileDescriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] bool is_open() const { return number_ >= 0; }
    void reset() noexcept;

private:
    int number_ = -1;
};

/// The two ends of a pipe or of a socket pair.
struct DescriptorPair {
    FileDescriptor ours;
    FileDescriptor theirs;
};

/// Both ends close on exec. Our end does not block; `capacity` is asked for, not insisted on.
[[nodiscard]] Result<DescriptorPair> open_pipe_to_read(int capacity = 0);
[[nodiscard]] Result<DescriptorPair> open_socket_pair();
/// A pseudo terminal that passes on bytes as they are, for whoever asks for a serial line. Their
/// end is the terminal: while somebody has it open, our end has not ended.
[[nodiscard]] Result<DescriptorPair> open_terminal_pair();

/// "OPERATION: errno's text", for an Error.
[[nodiscard]] std::string with_errno(std::string_view operation, int error_number);

} // namespace vmrunit::runner
