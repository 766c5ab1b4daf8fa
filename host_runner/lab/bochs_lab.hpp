// SPDX-License-Identifier: GPL-2.0-only
// Lab machines under Bochs: KVM on a second emulated CPU, independent of QEMU's. Bochs shares no
// memory: requests and status travel by a serial line, records by port 0xE9.
#pragma once

#include "host_runner/lab/lab_emulator.hpp"
#include "host_runner/targets/bochs_choice.hpp"
#include "host_runner/targets/bochs_command_line.hpp"

#include <memory>
#include <string>

namespace vmrunit::runner {

class BochsLabEmulator final : public LabEmulator {
public:
    /// Takes `cpu` from the spec. The word after '@' is "bochs", the system's if it can boot Linux
    /// and otherwise one of Debian's that can, or "bochs:VERSION".
    [[nodiscard]] static Result<std::unique_ptr<LabEmulator>> create(TargetSpec& spec,
                                                                     const TargetOptions& options);
    BochsLabEmulator(BochsConfiguration configuration, BochsChoice bochs)
        : configuration_{std::move(configuration)}, bochs_{std::move(bochs)} {}

    [[nodiscard]] Availability availability() override;
    [[nodiscard]] Result<void> prepare() override;
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] std::string baseline_suffix() override { return "-bochs-" + bochs_.version(); }
    [[nodiscard]] std::chrono::milliseconds boot_limit() const override;
    [[nodiscard]] WorkerLines worker_lines() const override;
    [[nodiscard]] std::string kernel_parameters() const override;
    [[nodiscard]] Result<std::unique_ptr<LabBoot>> boot(const LabImage& image) override;

    [[nodiscard]] const BochsConfiguration& configuration() const { return configuration_; }

private:
    BochsConfiguration configuration_;
    BochsChoice bochs_;
};

/// `bochs`, for a lab target's list of emulators.
[[nodiscard]] NamedLabEmulator bochs_lab_emulator();

} // namespace vmrunit::runner
