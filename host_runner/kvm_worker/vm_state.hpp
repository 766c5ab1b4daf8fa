// SPDX-License-Identifier: GPL-2.0-only
// What the supervisor and a VM process share: pages that both see and that outlive the VM process,
// so that its last words are there however it ended.
#pragma once

#include "harness/wire/ring.hpp"
#include "host_runner/kvm_worker/kvm_shim.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace vmrunit::worker {

inline constexpr unsigned max_cpus = 8;

/// How a VM ended of its own, as its process saw it.
enum class VmCause : std::uint32_t {
    none,
    shutdown,        ///< KVM_EXIT_SHUTDOWN: a triple fault.
    internal_error,  ///< KVM_EXIT_INTERNAL_ERROR: suberror and its data.
    failed_entry,    ///< KVM_EXIT_FAIL_ENTRY: the hardware's reason.
    system_event,    ///< KVM_EXIT_SYSTEM_EVENT: type and data.
    unexpected_exit, ///< Any other exit that a VM like this one does not make.
    run_failed,      ///< KVM_RUN failed: errno.
    halted, ///< Every CPU halts with interrupts off, or waits for a SIPI that nobody sends.
};

struct VmEnd {
    std::atomic<std::uint32_t> claimed; ///< The first who sets it fills in the rest.
    VmCause cause;
    std::uint32_t cpu;
    std::uint32_t exit_reason;
    std::uint64_t code;
    std::uint32_t value_count;
    std::uint64_t values[16];
};

/// A vCPU at the moment it was last stopped.
struct CpuSnapshot {
    std::atomic<std::uint32_t> valid;
    kvm_shim_state state;
};

enum class VmCommand : std::uint32_t { run, stop };

struct VmState {
    static constexpr std::size_t port_line_size = 64 * 1024;

    std::atomic<VmCommand> command;
    std::atomic<std::uint32_t> looks;  ///< Raised by the supervisor: "are all CPUs halted?"
    std::atomic<std::uint32_t> set_up; ///< 1 as soon as the vCPUs run.
    std::atomic<std::uint32_t> wait_for_answer; ///< A doorbell waits until it was heard.
    VmEnd end;
    std::array<CpuSnapshot, max_cpus> cpus;
    /// The bytes that the guest writes to port 0xE9: the stream of a payload without a ring.
    wire::RingHeader port_line;
    std::array<std::byte, port_line_size> port_line_data;
};

/// The descriptors between the two; each is an eventfd.
struct VmSignals {
    int control = -1;  ///< The supervisor has set a command or a look.
    int doorbell = -1; ///< The guest has something to read.
    int answer = -1;   ///< It was read: one for each doorbell, if the state says to wait.
};

} // namespace vmrunit::worker
