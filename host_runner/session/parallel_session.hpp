// SPDX-License-Identifier: GPL-2.0-only
// Several machines at once, each with a part of the cases: a session and a thread for each target.
// The listener hears everything from within step(), so that nobody else needs to know of threads.
#pragma once

#include "host_runner/session/execution.hpp"
#include "host_runner/session/session.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace vmrunit::runner {

class ParallelSession final : public Execution {
public:
    /// The targets are alike, and each is used by one thread only. Everything referred to outlives
    /// the session.
    ParallelSession(std::span<Target* const> targets, const PayloadImages& images,
                    const SessionOptions& options, SessionListener& listener);
    ~ParallelSession() override;
    ParallelSession(const ParallelSession&) = delete;
    ParallelSession& operator=(const ParallelSession&) = delete;

    [[nodiscard]] Result<void> load(std::span<const cases::Case* const> cases) override;
    void step(std::chrono::milliseconds limit) override;
    [[nodiscard]] bool finished() const override { return open_cases_ == 0; }
    void abandon_silently() override;
    [[nodiscard]] unsigned machines_started() const override { return machines_; }

private:
    class Lane;
    using Event = std::function<void()>; ///< Tells the listener one thing.

    void post(Event event);
    /// Machines are counted over all lanes, in the order of their start.
    [[nodiscard]] unsigned machine_number(const Lane& lane, unsigned its_own);
    void stop_lanes();

    SessionListener& listener_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::size_t open_cases_ = 0;
    unsigned machines_ = 0;
    std::map<std::pair<const Lane*, unsigned>, unsigned> numbers_;

    std::mutex lock_;
    std::condition_variable arrival_;
    std::vector<Event> events_; ///< Under `lock_`; the rest belongs to the caller's thread.
};

} // namespace vmrunit::runner
