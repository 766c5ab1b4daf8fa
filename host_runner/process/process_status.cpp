// SPDX-License-Identifier: GPL-2.0-only
// The end of a process in words.
#include "host_runner/process/process_status.hpp"

#include <cstring>

namespace vmrunit::runner {

std::string describe(ProcessStatus status) {
    if (status.signal == 0) {
        return "exit status " + std::to_string(status.code);
    }
    const char* const name = ::sigabbrev_np(status.signal);
    return name != nullptr ? "killed by SIG" + std::string{name}
                           : "killed by signal " + std::to_string(status.signal);
}

} // namespace vmrunit::runner
