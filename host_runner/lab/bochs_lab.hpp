// SPDX-License-Identifier: GPL-2.0-only
// Lab machines under Bochs, the second emulated CPU with SVM. Its memory cannot be shared, so
// everything travels by devices: the kernel's log by the first serial line, requests and status by
// the second, records by port 0xE9. A long plan comes with the boot disk.
#pragma once

#include "host_runner/lab/lab_emulator.hpp"
#include "host_runner/targets/bochs_boot_disk.hpp"
#include "host_runner/targets/bochs_choice.hpp"

#include <memory>
#include <optional>
#include <string>

namespace vmrunit::runner {

struct BochsLabConfiguration {
    std::string cpu = "ryzen"; ///< A name of `bochs --help cpu`.
    unsigned memory_mebibytes = 384;
    /// Instructions in an emulated second, and the rate of the TSC. Fewer, and a kernel has no time
    /// left between its timer's ticks; more, and all it waits for takes longer.
    unsigned instructions_per_second = 20'000'000;
};

class BochsLabEmulator final : public LabEmulator {
public:
    /// Takes `cpu` and `program` from the spec. The word after '@' may go on with a version of
    /// Debian's, "bochs:3.0"; else it is the machine's own Bochs if that can boot Linux, or 3.0.
    [[nodiscard]] static Result<std::unique_ptr<LabEmulator>> create(TargetSpec& spec,
                                                                     const TargetOptions& options);
    BochsLabEmulator(BochsChoice bochs, BochsLabConfiguration configuration)
        : bochs_{std::move(bochs)}, configuration_{std::move(configuration)} {}

    [[nodiscard]] Availability availability() override;
    [[nodiscard]] Result<void> prepare() override { return bochs_.prepare(); }
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] Layers cpu_layer() override {
        return {.cpu = "bochs", .cpu_version = bochs_.version()};
    }
    [[nodiscard]] std::string baseline_name() override { return "bochs-" + bochs_.version(); }
    [[nodiscard]] std::chrono::milliseconds boot_limit() const override;
    [[nodiscard]] std::chrono::milliseconds silence_limit() const override;
    [[nodiscard]] std::chrono::milliseconds stall_report_limit() const override;
    [[nodiscard]] WorkerLines worker_lines() const override;
    [[nodiscard]] std::string kernel_parameters() const override;
    [[nodiscard]] std::string steps() const override;
    [[nodiscard]] Result<std::unique_ptr<LabBoot>> boot(const LabImage& image) override;

    [[nodiscard]] const BochsLabConfiguration& configuration() const { return configuration_; }
    [[nodiscard]] const BochsChoice& bochs() const { return bochs_; }

private:
    [[nodiscard]] Result<void> check() const;

    BochsChoice bochs_;
    BochsLabConfiguration configuration_;
    std::string command_line_; ///< That the loader is made for.
    std::optional<BootLoader> loader_;
};

/// `bochs`, for a lab target's list of emulators.
[[nodiscard]] NamedLabEmulator bochs_lab_emulator();

/// An error says why a kernel does not come up under this version.
[[nodiscard]] Result<void> check_bochs_boots_linux(const std::string& version);

} // namespace vmrunit::runner
