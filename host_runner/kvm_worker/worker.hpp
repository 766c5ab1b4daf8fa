// SPDX-License-Identifier: GPL-2.0-only
// The worker: its payload, its channels, and the VMs it runs one after the other.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/kvm_worker/channel.hpp"
#include "host_runner/kvm_worker/pages.hpp"
#include "host_runner/kvm_worker/payload_file.hpp"
#include "host_runner/kvm_worker/worker_options.hpp"
#include "host_runner/kvm_worker/worker_request.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace vmrunit::worker {

class Worker {
public:
    [[nodiscard]] static runner::Result<Worker> create(const WorkerOptions& options);

    /// Runs the plan of --plan. The process's exit status.
    [[nodiscard]] int run_once();
    /// Carries out requests until told to leave, or until none can come.
    [[nodiscard]] int serve();

private:
    Worker(WorkerOptions options, PayloadFile payload) // its channels come later
        : options_{std::move(options)}, payload_{std::move(payload)} {}

    void carry_out(const Request& request);
    [[nodiscard]] HowEnded run(std::span<const std::byte> plan, std::uint32_t request);
    void report(const StatusMessage& message);
    /// Takes what has come in. True if the running VM is to end.
    [[nodiscard]] bool hear();
    void wait_for_requests();

    WorkerOptions options_;
    PayloadFile payload_;
    std::vector<std::byte> plan_;
    std::unique_ptr<OutputChannel> output_;
    std::unique_ptr<OutputChannel> status_;
    std::unique_ptr<InputChannel> requests_;
    Pages ring_window_;
    RequestReader reader_;
    std::deque<Request> waiting_;
    bool leaving_ = false;
    bool all_finished_ = true;
};

} // namespace vmrunit::worker
