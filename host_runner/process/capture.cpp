// SPDX-License-Identifier: GPL-2.0-only
// Runs a program to its end and keeps what it prints.
#include "host_runner/process/capture.hpp"

#include "host_runner/process/process.hpp"
#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <array>
#include <poll.h>

namespace vmrunit::runner {

Result<Captured> capture(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                         std::size_t bound) {
    auto output_pipe = open_pipe_to_read();
    if (!output_pipe) {
        return tl::unexpected(output_pipe.error());
    }
    auto errors_pipe = open_pipe_to_read();
    if (!errors_pipe) {
        return tl::unexpected(errors_pipe.error());
    }
    Command command;
    command.arguments = arguments;
    command.output = output_pipe->theirs.number();
    command.errors = errors_pipe->theirs.number();
    auto process = Process::start(command);
    if (!process) {
        return tl::unexpected(process.error());
    }
    output_pipe->theirs.reset();
    errors_pipe->theirs.reset();

    TextTail output{bound};
    TextTail errors{bound};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    // Until the process itself ends: a descendant of it may hold the pipes open for ever.
    for (;;) {
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (rest.count() <= 0) {
            return failure(arguments.front() + " did not end within " +
                           std::to_string(limit.count()) + " ms");
        }
        std::array<pollfd, 3> sources{{{output_pipe->ours.number(), POLLIN, 0},
                                       {errors_pipe->ours.number(), POLLIN, 0},
                                       {process->descriptor(), POLLIN, 0}}};
        static_cast<void>(::poll(sources.data(), sources.size(), static_cast<int>(rest.count())));
        const bool ended = sources[2].revents != 0;
        // What it wrote before its end is in the pipes by now: one pipe full at most.
        if (output_pipe->ours.is_open() &&
            output.read_from(output_pipe->ours.number()) == Arrival::end) {
            output_pipe->ours.reset(); // poll() ignores a descriptor of -1
        }
        if (errors_pipe->ours.is_open() &&
            errors.read_from(errors_pipe->ours.number()) == Arrival::end) {
            errors_pipe->ours.reset();
        }
        if (ended) {
            return Captured{process->kill(), output.text(), errors.text()};
        }
    }
}

} // namespace vmrunit::runner
