// SPDX-License-Identifier: GPL-2.0-only
// See standstill.hpp.
#include "host_runner/lab/standstill.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

// A kernel that boots has something to do; what it waits for comes within a second or two.
constexpr std::chrono::seconds longest_sleep{20};
// Timers wake even the emulator of a machine that has halted, for next to no work; but on a busy
// host it then waits for its turn. One that has work to do waits for that all the time.
constexpr int working_part = 20;
constexpr unsigned awake_part = 2;
constexpr unsigned least_looks = 10;

} // namespace

std::optional<std::string> StandstillWatch::look(Clock::time_point now, const ProcessUse& use,
                                                 bool spoke) {
    spoke = spoke || !sleep_; // What it had done before the first look says nothing.
    longest_ = sleep_ ? std::max(longest_, use.cpu_time - spoke_at_) : longest_;
    if (spoke) {
        spoke_at_ = use.cpu_time;
    }
    if (use.cpu_time - spoke_at_ >= most_) {
        return fmt::format("it stands still: {:.1f} s of CPU time and not a word",
                           std::chrono::duration<double>{use.cpu_time - spoke_at_}.count());
    }
    if (spoke) {
        sleep_ = {.since = now, .cpu_time = use.cpu_time};
        return std::nullopt;
    }
    ++sleep_->looks;
    sleep_->looks_awake += use.sleeps ? 0 : 1;
    const auto slept = now - sleep_->since;
    if (sleep_->looks >= least_looks &&
        (sleep_->looks_awake * awake_part > sleep_->looks ||
         (use.cpu_time - sleep_->cpu_time) * working_part > slept)) {
        sleep_ = {.since = now, .cpu_time = use.cpu_time};
    } else if (slept >= longest_sleep) {
        return fmt::format("it stands still: halted for {} s", longest_sleep.count());
    }
    return std::nullopt;
}

} // namespace vmrunit::runner
