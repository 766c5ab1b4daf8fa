// SPDX-License-Identifier: GPL-2.0-only
// Ctrl-C and SIGTERM while cases run: the run ends in good order, machines first. A second signal
// ends the process at once; its machines die with it.
#pragma once

namespace vmrunit::runner {

class InterruptWatch {
public:
    InterruptWatch();
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;

    [[nodiscard]] static bool interrupted();
};

} // namespace vmrunit::runner
