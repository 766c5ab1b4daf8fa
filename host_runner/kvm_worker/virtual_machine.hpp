// SPDX-License-Identifier: GPL-2.0-only
// One VM of KVM and its vCPUs, above the C shim. Lives as long as its process: the VM process makes
// one, runs it and exits, and the kernel takes everything back.
#pragma once

#include "harness/svm/features.hpp"
#include "harness/svm/machine_check.hpp"
#include "host_runner/kvm_worker/kvm_shim.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmrunit::worker {

class VirtualCpu {
public:
    explicit VirtualCpu(kvm_shim_cpu* cpu) : cpu_{cpu} {}

    void enter_protected_mode(std::uint32_t rip, std::uint32_t rbx) {
        kvm_shim_cpu_enter_protected_mode(cpu_, rip, rbx);
    }
    /// 0 with `exit` filled in, or errno.
    [[nodiscard]] int run(kvm_shim_exit& exit) { return kvm_shim_cpu_run(cpu_, &exit); }
    /// For any thread; the vCPU's own must be woken by a signal besides.
    void interrupt(bool on) { kvm_shim_cpu_interrupt(cpu_, on ? 1 : 0); }
    /// For its own thread, outside run(). False if KVM refuses.
    bool raise_machine_check() {
        return kvm_shim_cpu_machine_check(cpu_, svm::machine_check::raised_status,
                                          svm::machine_check::raised_global_status) == 0;
    }
    [[nodiscard]] bool read_state(kvm_shim_state& state) {
        return kvm_shim_cpu_state(cpu_, &state) == 0;
    }

private:
    kvm_shim_cpu* cpu_;
};

class VirtualMachine {
public:
    VirtualMachine() : vm_{kvm_shim_vm_create()} {}
    VirtualMachine(const VirtualMachine&) = delete;
    VirtualMachine& operator=(const VirtualMachine&) = delete;

    /// Pages at guest physical `address`; the memory must stay where it is.
    void map(std::uint64_t address, std::span<std::byte> memory) {
        kvm_shim_vm_map(vm_, next_slot_++, address, memory.size(), memory.data());
    }
    /// The first one is the one that runs at once. CPUID is KVM's, less the features in `hidden`.
    void add_cpu(std::span<const svm::Feature> hidden);

    [[nodiscard]] std::span<VirtualCpu> cpus() { return cpus_; }
    /// Whether its vCPUs can have machine checks.
    [[nodiscard]] bool has_machine_checks() const { return has_machine_checks_; }
    [[nodiscard]] bool has_smm() const { return kvm_shim_vm_has_smm(vm_) != 0; }

private:
    kvm_shim_vm* vm_;
    std::uint32_t next_slot_ = 0;
    bool has_machine_checks_ = false;
    std::vector<VirtualCpu> cpus_;
};

} // namespace vmrunit::worker
