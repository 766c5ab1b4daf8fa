// SPDX-License-Identifier: GPL-2.0-only
// What is behind the ports and the empty addresses of a VM: the debug port 0xE9, by which records
// or doorbells come, and nothing else. An L2 may touch anything: reads give zeros, writes are lost.
#pragma once

#include "host_runner/kvm_worker/kvm_shim.h"
#include "host_runner/kvm_worker/vm_state.hpp"

#include <mutex>

namespace vmrunit::worker {

class GuestPorts {
public:
    GuestPorts(VmState& state, const VmSignals& signals) : state_{state}, signals_{signals} {}
    GuestPorts(const GuestPorts&) = delete;
    GuestPorts& operator=(const GuestPorts&) = delete;

    /// An exit for I/O or for memory that is not there, from the thread of any vCPU.
    void serve(const kvm_shim_exit& exit);

private:
    void write_debug_port(std::span<const std::byte> bytes);
    [[nodiscard]] bool put(std::byte byte);
    void ring();

    VmState& state_;
    VmSignals signals_;
    std::mutex line_;
};

} // namespace vmrunit::worker
