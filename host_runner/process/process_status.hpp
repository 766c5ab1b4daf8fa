// SPDX-License-Identifier: GPL-2.0-only
// How a process ended: by exit with a code, or by a signal.
#pragma once

#include <string>

namespace vmrunit::runner {

struct ProcessStatus {
    int code = 0;   ///< What it passed to exit(); meaningless when a signal ended it.
    int signal = 0; ///< 0: it ended by itself.

    [[nodiscard]] bool succeeded() const { return signal == 0 && code == 0; }
    bool operator==(const ProcessStatus&) const = default;
};

/// "exit status 1", "killed by SIGSEGV".
[[nodiscard]] std::string describe(ProcessStatus status);

} // namespace vmrunit::runner
