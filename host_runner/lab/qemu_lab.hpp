// SPDX-License-Identifier: GPL-2.0-only
// Lab machines under QEMU TCG. Nothing of them has a name in any folder: memory and root file
// system are memory files that QEMU inherits, and every line to the worker is a window in that
// memory.
#pragma once

#include "host_runner/lab/lab_emulator.hpp"
#include "host_runner/targets/qemu_inquiry.hpp"

#include <memory>
#include <optional>
#include <string>

namespace vmrunit::runner {

struct QemuLabConfiguration {
    std::string program = "qemu-system-x86_64";
    std::string machine = "microvm";
    std::string cpu = "max"; ///< Model, as for -cpu.
    unsigned memory_mebibytes = 512;
};

class QemuLabEmulator final : public LabEmulator {
public:
    /// Takes `cpu` and `machine` from the spec; the program is the word after '@', or --qemu.
    [[nodiscard]] static Result<std::unique_ptr<LabEmulator>> create(TargetSpec& spec,
                                                                     const TargetOptions& options);
    explicit QemuLabEmulator(QemuLabConfiguration configuration)
        : configuration_{std::move(configuration)} {}

    [[nodiscard]] Availability availability() override;
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] Layers cpu_layer() override;
    [[nodiscard]] std::string baseline_name() override;
    [[nodiscard]] std::chrono::milliseconds boot_limit() const override;
    [[nodiscard]] std::chrono::milliseconds silence_limit() const override;
    [[nodiscard]] std::chrono::milliseconds stall_report_limit() const override;
    [[nodiscard]] WorkerLines worker_lines() const override;
    [[nodiscard]] std::string kernel_parameters() const override;
    [[nodiscard]] Result<std::unique_ptr<LabBoot>> boot(const LabImage& image) override;

    [[nodiscard]] const QemuLabConfiguration& configuration() const { return configuration_; }

private:
    [[nodiscard]] const Result<QemuVersion>& version();

    QemuLabConfiguration configuration_;
    std::optional<Result<QemuVersion>> version_;
};

/// `qemu`, for a lab target's list of emulators.
[[nodiscard]] NamedLabEmulator qemu_lab_emulator();

} // namespace vmrunit::runner
