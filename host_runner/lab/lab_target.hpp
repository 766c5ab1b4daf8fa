// SPDX-License-Identifier: GPL-2.0-only
// Target `lab`: a Linux kernel under an emulated CPU with SVM, whose KVM is the subject.
#pragma once

#include "host_runner/kvm_worker/machine_features.hpp"
#include "host_runner/lab/kernel_package_cache.hpp"
#include "host_runner/lab/lab_configuration.hpp"
#include "host_runner/lab/lab_emulator.hpp"
#include "host_runner/lab/lab_kernel.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// The programs that run inside a lab machine, whether they exist or not.
struct LabPrograms {
    std::filesystem::path init;
    std::filesystem::path worker;
};

/// `lab`, for a registry. The first emulator is the one taken where none is named. `give_up`: as
/// LabConfiguration.
[[nodiscard]] TargetFactory lab_target_factory(LabPrograms programs,
                                               std::vector<NamedLabEmulator> emulators,
                                               std::function<bool()> give_up = {});

class LabTarget final : public Target {
public:
    /// Errors are of usage: a key, a version that is none.
    [[nodiscard]] static Result<std::unique_ptr<Target>>
    create(TargetSpec spec, LabPrograms programs, std::span<const NamedLabEmulator> emulators,
           const TargetOptions& options, std::function<bool()> give_up = {});

    [[nodiscard]] std::string name() const override { return name_; }
    /// "lab-qemu-tcg-7.2": of all kernels on one emulated CPU. Its entries say in which of them.
    [[nodiscard]] std::string baseline_name() const override;
    [[nodiscard]] Availability availability() override;
    [[nodiscard]] Layers layers() const override;
    [[nodiscard]] Result<void> prepare() override;
    [[nodiscard]] SubjectFacts facts() override;
    [[nodiscard]] bool shares_memory() const override { return true; }
    [[nodiscard]] svm::Features machine_features() const override {
        return machine_features_of_worker(configuration_.vm_cpus);
    }
    [[nodiscard]] Result<std::unique_ptr<Machine>> start(const BootRequest& request) override;

    [[nodiscard]] const LabConfiguration& configuration() const { return configuration_; }
    [[nodiscard]] LabEmulator& emulator() const { return *emulator_; }
    /// How many kernels were booted so far.
    [[nodiscard]] unsigned boots() const { return boots_; }

private:
    LabTarget(std::string name, LabConfiguration configuration,
              std::unique_ptr<LabEmulator> emulator)
        : name_{std::move(name)},
          configuration_{std::move(configuration)},
          emulator_{std::move(emulator)} {}

    [[nodiscard]] Result<void> check_parameters() const;
    [[nodiscard]] Result<std::shared_ptr<LabKernel>> idle_kernel(const BootRequest& request);

    std::string name_;
    std::string version_; ///< Of a Debian kernel, as far as it was given; may be empty.
    std::filesystem::path kernel_path_; ///< Of a kernel of one's own; may be empty.
    LabConfiguration configuration_;
    std::unique_ptr<LabEmulator> emulator_;
    bool prepared_ = false;
    /// Kernels that run. One whose only owner is this list has no machine.
    std::vector<std::shared_ptr<LabKernel>> kernels_;
    unsigned boots_ = 0;
};

} // namespace vmrunit::runner
