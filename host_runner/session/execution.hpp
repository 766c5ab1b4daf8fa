// SPDX-License-Identifier: GPL-2.0-only
// Running cases, as whoever waits for their results sees it: one machine after another (Session),
// or several at once (ParallelSession).
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/error.hpp"

#include <chrono>
#include <span>

namespace vmrunit::runner {

class Execution {
public:
    virtual ~Execution() = default;

    /// Takes the cases to run, in order; those that end the machine are moved behind the others.
    /// Fails if a row cannot be encoded for this payload.
    [[nodiscard]] virtual Result<void> load(std::span<const cases::Case* const> cases) = 0;
    /// Goes on for at most `limit`; returns early when anything happened.
    virtual void step(std::chrono::milliseconds limit) = 0;
    /// Every case has its result.
    [[nodiscard]] virtual bool finished() const = 0;
    /// Stops the machines and leaves open cases without a result.
    virtual void abandon_silently() = 0;
    [[nodiscard]] virtual unsigned machines_started() const = 0;
};

} // namespace vmrunit::runner
