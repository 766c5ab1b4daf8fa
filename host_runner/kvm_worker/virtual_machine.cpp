// SPDX-License-Identifier: GPL-2.0-only
// Adding vCPUs to a VM.
#include "host_runner/kvm_worker/virtual_machine.hpp"

namespace vmrunit::worker {

void VirtualMachine::add_cpu(std::span<const svm::Feature> hidden) {
    std::vector<kvm_shim_cpuid_bit> bits;
    for (const auto feature : hidden) {
        const auto& info = svm::feature_info(feature);
        bits.push_back({info.leaf, info.subleaf, static_cast<std::uint8_t>(info.reg), info.bit});
    }
    auto* const cpu = kvm_shim_cpu_create(vm_, static_cast<std::uint32_t>(cpus_.size()));
    kvm_shim_cpu_set_cpuid(cpu, bits.data(), static_cast<std::uint32_t>(bits.size()));
    has_machine_checks_ = kvm_shim_cpu_set_up_machine_checks(cpu) != 0;
    cpus_.emplace_back(cpu);
}

} // namespace vmrunit::worker
