// SPDX-License-Identifier: GPL-2.0-only
// Target `bochs`: the SVM of the Bochs emulator, independent of QEMU's.
#pragma once

#include "harness/svm/inert_ports.hpp"
#include "host_runner/targets/bochs_choice.hpp"
#include "host_runner/targets/bochs_machine.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <optional>
#include <string>

namespace vmrunit::runner {

/// `bochs`, for a registry.
[[nodiscard]] TargetFactory bochs_target_factory();

class BochsTarget final : public Target {
public:
    /// Errors are of usage: key, value, CPU model. The model is checked against this machine's
    /// Bochs, if it can be asked.
    [[nodiscard]] static Result<std::unique_ptr<Target>> create(TargetSpec spec);

    [[nodiscard]] std::string name() const override { return name_; }
    /// "bochs-2.7"
    [[nodiscard]] std::string baseline_name() const override;
    [[nodiscard]] Availability availability() override;
    [[nodiscard]] Result<void> prepare() override;
    [[nodiscard]] Layers layers() const override {
        return {.cpu = "bochs", .cpu_version = bochs_.version()};
    }
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] bool shares_memory() const override { return false; }
    [[nodiscard]] svm::Features machine_features() const override { return svm::all_inert_ports; }
    [[nodiscard]] Result<std::unique_ptr<Machine>> start(const BootRequest& request) override;

    [[nodiscard]] const BochsConfiguration& configuration() const { return configuration_; }

private:
    BochsTarget(std::string name, BochsConfiguration configuration, BochsChoice bochs)
        : name_{std::move(name)},
          configuration_{std::move(configuration)},
          bochs_{std::move(bochs)} {
        configuration_.program = bochs_.program();
    }

    std::string name_;
    BochsConfiguration configuration_;
    BochsChoice bochs_;
    std::optional<BootLoader> loader_; ///< Made for the first machine with a plan.
};

} // namespace vmrunit::runner
