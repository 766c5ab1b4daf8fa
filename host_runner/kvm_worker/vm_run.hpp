// SPDX-License-Identifier: GPL-2.0-only
// One VM from start to end, as its supervisor sees it: a child process, its stream carried to the
// output, its deadlines, and the reason why it is over.
#pragma once

#include "host_runner/kvm_worker/boot_memory.hpp"
#include "host_runner/kvm_worker/channel.hpp"
#include "host_runner/kvm_worker/vm_process.hpp"
#include "host_runner/kvm_worker/worker_status.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace vmrunit::worker {

struct RunLimits {
    std::chrono::milliseconds boot{60'000}; ///< From the start to the hello.
    std::chrono::milliseconds record{0};    ///< From one frame to the next; 0: no limit.
};

/// What a VM comes to.
struct VmVerdict {
    HowEnded how = HowEnded::finished;
    std::string detail;
    std::uint64_t stream = 0;
};

/// Both are asked again and again while a VM runs.
struct StopRequest {
    std::function<bool()> wanted;    ///< True ends the VM.
    std::function<int()> descriptor; ///< Readable when there may be news; -1: there is none.
};

[[nodiscard]] VmVerdict run_vm(const VmOptions& options, const BootMemory& memory,
                               bool ring_read_by_others, const RunLimits& limits,
                               OutputChannel& output, const StopRequest& stop);

} // namespace vmrunit::worker
