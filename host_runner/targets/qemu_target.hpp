// SPDX-License-Identifier: GPL-2.0-only
// Targets `qemu` (the emulator's own SVM, TCG) and `qemu-kvm` (KVM of this machine below QEMU).
#pragma once

#include "host_runner/targets/qemu_inquiry.hpp"
#include "host_runner/targets/qemu_machine.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <optional>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// `qemu` and `qemu-kvm`, for a registry.
[[nodiscard]] std::vector<TargetFactory> qemu_target_factories();

class QemuTarget final : public Target {
public:
    /// Errors are of usage: key, value, CPU model, feature, machine. Names are checked against this
    /// machine's QEMU, if it can be asked.
    [[nodiscard]] static Result<std::unique_ptr<Target>>
    create(TargetSpec spec, const std::string& accelerator, const TargetOptions& options);

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::string baseline_name() const override;
    [[nodiscard]] Availability availability() override;
    [[nodiscard]] Layers layers() const override;
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] bool shares_memory() const override { return true; }
    [[nodiscard]] svm::Features machine_features() const override;
    [[nodiscard]] Result<std::unique_ptr<Machine>> start(const BootRequest& request) override;

    [[nodiscard]] const QemuConfiguration& configuration() const { return configuration_; }

private:
    QemuTarget(std::string name, CpuModel cpu, QemuConfiguration configuration);
    [[nodiscard]] bool runs_kvm() const { return configuration_.accelerator == "kvm"; }
    [[nodiscard]] const Result<QemuVersion>& version() const;
    /// Of the features somebody asked for by name; empty if all are there.
    [[nodiscard]] Result<std::string> first_missing_feature() const;

    std::string name_;
    CpuModel cpu_;
    QemuConfiguration configuration_;
    mutable std::optional<Result<QemuVersion>> version_; ///< Asked for once, when first needed.
};

} // namespace vmrunit::runner
