// SPDX-License-Identifier: GPL-2.0-only
// The part of a run's cases that one of several runners takes, in Google Test's way: the variables
// GTEST_TOTAL_SHARDS and GTEST_SHARD_INDEX.
#pragma once

#include "host_runner/error.hpp"

namespace vmrunit::runner {

struct Shard {
    unsigned index = 0; ///< Below `total`.
    unsigned total = 1; ///< 1: the whole run.

    [[nodiscard]] bool is_part() const { return total > 1; }
    friend bool operator==(const Shard&, const Shard&) = default;
};

/// What the environment asks for. Google Test itself would end the process over values that make no
/// sense, with the exit status of a failed case.
[[nodiscard]] Result<Shard> shard_from_environment();

} // namespace vmrunit::runner
