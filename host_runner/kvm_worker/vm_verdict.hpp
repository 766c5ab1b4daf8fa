// SPDX-License-Identifier: GPL-2.0-only
// Why a VM is over, in words: from what its process left behind. Data in, text out.
#pragma once

#include "host_runner/kvm_worker/vm_run.hpp"
#include "host_runner/kvm_worker/vm_state.hpp"

#include <optional>
#include <string>

namespace vmrunit::worker {

/// The end that the VM process saw itself; nothing if it saw none.
[[nodiscard]] std::optional<VmVerdict> verdict_of(const VmState& state);

/// The end of the process itself, when it left no word: `code` is its signal or its exit status,
/// `had_started` whether the vCPUs ran already, `words` what it printed last.
[[nodiscard]] VmVerdict verdict_of_process(bool signalled, int code, bool had_started,
                                           const std::string& words);

/// "cpu 0: rip 0x100015, cr0 0x80000011, ...", for each CPU that has been started.
[[nodiscard]] std::string describe_cpus(const VmState& state);

} // namespace vmrunit::worker
