// SPDX-License-Identifier: GPL-2.0-only
// How fast this machine's time-stamp counter runs. TCG hands it on to its guests, and a kernel that
// has to find out by itself can fail where the emulator does not get the CPU it wants.
#pragma once

#include <cstdint>

namespace vmrunit::runner {

/// A measurement under way: it begins when it is made, and other work may be done meanwhile.
class TscFrequency {
public:
    TscFrequency();
    /// Waits until 5 ms have passed in all.
    [[nodiscard]] std::uint64_t kilohertz() const;

private:
    struct Moment {
        std::uint64_t ticks = 0;
        std::int64_t nanoseconds = 0;
    };
    static Moment now();

    Moment begin_;
};

} // namespace vmrunit::runner
