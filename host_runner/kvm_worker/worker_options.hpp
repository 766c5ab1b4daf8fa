// SPDX-License-Identifier: GPL-2.0-only
// The worker's command line.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/kvm_worker/vm_run.hpp"

#include <optional>
#include <span>
#include <string>

namespace vmrunit::worker {

struct WorkerOptions {
    std::string image;
    std::string plan;
    bool serve = false;
    bool help = false;
    std::string requests = "fd:0";
    std::string output = "fd:1";
    std::string status = "fd:2";
    std::optional<RingPlace> ring; ///< Empty: as the plan says.
    std::string ring_window;       ///< The guest's ring lies here, and its reader is somebody else.
    unsigned memory_mebibytes = 64;
    VmOptions vm;
    RunLimits limits;
};

[[nodiscard]] runner::Result<WorkerOptions> parse_options(std::span<char* const> arguments);
[[nodiscard]] std::string usage();

} // namespace vmrunit::worker
