// SPDX-License-Identifier: GPL-2.0-only
// Notices that a lab kernel has stopped in its boot, without a word: one that spins, by the CPU
// time its emulator spends on it, and one that halts, by the emulator's sleep. Neither goes on
// while a busy host keeps the emulator from running, so that slow is not taken for dead.
#pragma once

#include "host_runner/process/process_use.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace vmrunit::runner {

class StandstillWatch {
public:
    using Clock = std::chrono::steady_clock;

    /// `most` is the CPU time for which it may say nothing.
    explicit StandstillWatch(std::chrono::milliseconds most) : most_{most} {}

    /// To be called every so often. `spoke`: something has been heard since the last time. How it
    /// stands still, once it does.
    [[nodiscard]] std::optional<std::string> look(Clock::time_point now, const ProcessUse& use,
                                                  bool spoke);
    /// CPU time between two words, at most.
    [[nodiscard]] std::chrono::milliseconds longest_silence() const { return longest_; }

private:
    std::chrono::milliseconds most_;
    std::chrono::milliseconds longest_{0};
    std::chrono::milliseconds spoke_at_{0}; ///< In CPU time; counted from the first look.
    /// What has been seen since it last did something.
    struct Sleep {
        Clock::time_point since;
        std::chrono::milliseconds cpu_time{0}; ///< When it began.
        unsigned looks = 0;
        unsigned looks_awake = 0;
    };
    std::optional<Sleep> sleep_;
};

} // namespace vmrunit::runner
