// SPDX-License-Identifier: GPL-2.0-only
// What another process makes of the CPU: a clock that stands still where a busy host does not let
// it run, and whether it would like to.
#pragma once

#include <chrono>
#include <optional>
#include <sys/types.h>

namespace vmrunit::runner {

struct ProcessUse {
    std::chrono::milliseconds cpu_time{}; ///< Of all its threads, since it began.
    bool sleeps = false;                  ///< Each thread waits for something to happen.
};

/// Nothing if there is no such process, or none that may be asked.
[[nodiscard]] std::optional<ProcessUse> use_of_process(pid_t process);

} // namespace vmrunit::runner
