// SPDX-License-Identifier: GPL-2.0-only
// Comparing the counter with the clock.
#include "host_runner/lab/tsc_frequency.hpp"

#include <chrono>
#include <limits>
#include <x86intrin.h>

namespace vmrunit::runner {

namespace {

constexpr std::int64_t least_nanoseconds = 5'000'000;

} // namespace

TscFrequency::TscFrequency() : begin_{now()} {}

/// Both at once: of several attempts the one that nothing came between.
TscFrequency::Moment TscFrequency::now() {
    constexpr int attempts = 10;
    Moment best;
    auto shortest = std::numeric_limits<std::uint64_t>::max();
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const std::uint64_t before = __rdtsc();
        const auto time = std::chrono::steady_clock::now().time_since_epoch();
        const std::uint64_t after = __rdtsc();
        if (after - before < shortest) {
            shortest = after - before;
            best = {before + shortest / 2, std::chrono::nanoseconds{time}.count()};
        }
    }
    return best;
}

std::uint64_t TscFrequency::kilohertz() const {
    Moment end = now();
    while (end.nanoseconds - begin_.nanoseconds < least_nanoseconds) {
        end = now();
    }
    const auto passed = static_cast<std::uint64_t>(end.nanoseconds - begin_.nanoseconds);
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(Wide{end.ticks - begin_.ticks} * 1'000'000 / passed);
}

} // namespace vmrunit::runner
