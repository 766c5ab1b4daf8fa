// SPDX-License-Identifier: GPL-2.0-only
// The process of one VM: the library's, with a thread for each vCPU. It decides nothing but how the
// VM ended; whatever the guest has to say it leaves in memory that the supervisor sees.
#pragma once

#include "harness/svm/features.hpp"
#include "host_runner/kvm_worker/boot_memory.hpp"
#include "host_runner/kvm_worker/vm_state.hpp"

#include <sys/types.h>
#include <vector>

namespace vmrunit::worker {

struct VmOptions {
    unsigned cpus = 2;
    std::vector<svm::Feature> hidden;
};

/// Runs the VM to its end and leaves the process. For a process just forked, with one thread.
[[noreturn]] void run_vm_process(const VmOptions& options, const BootMemory& memory, VmState& state,
                                 const VmSignals& signals, pid_t supervisor);

} // namespace vmrunit::worker
