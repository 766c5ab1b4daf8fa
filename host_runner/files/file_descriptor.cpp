// SPDX-License-Identifier: GPL-2.0-only
// A file descriptor with one owner, and the pairs of them that lead to a child.
#include "host_runner/files/file_descriptor.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <system_error>
#include <termios.h>
#include <unistd.h>

namespace vmrunit::runner {

void FileDescriptor::reset() noexcept {
    if (number_ >= 0) {
        ::close(std::exchange(number_, -1));
    }
}

std::string with_errno(std::string_view operation, int error_number) {
    return std::string{operation} + ": " + std::generic_category().message(error_number);
}

Result<DescriptorPair> open_pipe_to_read(int capacity) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return failure(with_errno("pipe", errno));
    }
    DescriptorPair pair{FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
    // Only the reading end: O_NONBLOCK belongs to the open file, and each end is its own.
    if (::fcntl(pair.ours.number(), F_SETFL, O_NONBLOCK) != 0) {
        return failure(with_errno("fcntl(O_NONBLOCK)", errno));
    }
    if (capacity > 0) {
        // More than /proc/sys/fs/pipe-max-size is refused, and the default does as well.
        static_cast<void>(::fcntl(pair.ours.number(), F_SETPIPE_SZ, capacity));
    }
    return pair;
}

Result<DescriptorPair> open_socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return failure(with_errno("socketpair", errno));
    }
    DescriptorPair pair{FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
    if (::fcntl(pair.ours.number(), F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        return failure(with_errno("fcntl(O_NONBLOCK)", errno));
    }
    return pair;
}

Result<DescriptorPair> open_terminal_pair() {
    DescriptorPair pair;
    pair.ours = FileDescriptor{::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)};
    if (!pair.ours.is_open()) {
        return failure(with_errno("/dev/ptmx", errno));
    }
    if (::unlockpt(pair.ours.number()) != 0) {
        return failure(with_errno("unlockpt", errno));
    }
    // By the descriptor: a name in /dev/pts may lead to another file system's terminal.
    pair.theirs =
        FileDescriptor{::ioctl(pair.ours.number(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)};
    termios settings{};
    if (!pair.theirs.is_open() || ::tcgetattr(pair.theirs.number(), &settings) != 0) {
        return failure(with_errno("pseudo terminal", errno));
    }
    ::cfmakeraw(&settings);
    if (::tcsetattr(pair.theirs.number(), TCSANOW, &settings) != 0) {
        return failure(with_errno("tcsetattr", errno));
    }
    return pair;
}

} // namespace vmrunit::runner
