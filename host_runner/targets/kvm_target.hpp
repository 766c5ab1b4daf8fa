// SPDX-License-Identifier: GPL-2.0-only
// Target `kvm`: nested SVM of this machine's KVM, in VMs of kvm-worker.
#pragma once

#include "host_runner/kvm_worker/machine_features.hpp"
#include "host_runner/targets/kvm_machine.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <filesystem>
#include <string>

namespace vmrunit::runner {

/// `kvm`, for a registry. `worker` is the program, whether it exists or not.
[[nodiscard]] TargetFactory kvm_target_factory(std::filesystem::path worker);

class KvmTarget final : public Target {
public:
    /// Errors are of usage: a key, a feature.
    [[nodiscard]] static Result<std::unique_ptr<Target>> create(TargetSpec spec,
                                                                std::filesystem::path worker);

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::string baseline_name() const override { return "kvm"; }
    [[nodiscard]] Availability availability() override;
    [[nodiscard]] Layers layers() const override;
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] bool shares_memory() const override { return true; }
    [[nodiscard]] svm::Features machine_features() const override {
        return machine_features_of_worker(configuration_.cpus);
    }
    [[nodiscard]] Result<std::unique_ptr<Machine>> start(const BootRequest& request) override;

    [[nodiscard]] const KvmConfiguration& configuration() const { return configuration_; }

private:
    KvmTarget(std::string name, KvmConfiguration configuration)
        : name_{std::move(name)}, configuration_{std::move(configuration)} {}

    std::string name_;
    KvmConfiguration configuration_;
};

} // namespace vmrunit::runner
