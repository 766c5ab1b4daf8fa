// SPDX-License-Identifier: GPL-2.0-only
// Runs a program to its end and keeps what it prints, within bounds of size and time.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/process/process_status.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct Captured {
    ProcessStatus status;
    std::string output; ///< The last `bound` bytes of each.
    std::string errors;
};

/// An error if it cannot be started or does not end within `limit`. Its exit status is the
/// caller's to judge.
[[nodiscard]] Result<Captured> capture(const std::vector<std::string>& arguments,
                                       std::chrono::milliseconds limit,
                                       std::size_t bound = 256 * 1024);

} // namespace vmrunit::runner
