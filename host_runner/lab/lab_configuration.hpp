// SPDX-License-Identifier: GPL-2.0-only
// What a lab machine is made of.
#pragma once

#include "host_runner/lab/kernel_files.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::runner {

struct LabConfiguration {
    // The emulated machine.
    std::string program = "qemu-system-x86_64";
    std::string machine = "microvm";
    std::string cpu = "max,svm=on"; ///< As for QEMU's -cpu.
    unsigned memory_mebibytes = 512;

    // The kernel.
    KernelFiles kernel;
    /// Of modules, with their name in front: ("kvm_amd.npt", "0"). The names were checked.
    std::vector<std::pair<std::string, std::string>> module_parameters;
    std::vector<std::string> boot_parameters; ///< As they stand on the command line.

    // What runs on it.
    std::filesystem::path init;   ///< The program lab-init.
    std::filesystem::path worker; ///< The program kvm-worker.
    unsigned vm_cpus = 2;
    unsigned vm_memory_mebibytes = 64;
    std::vector<std::string> hidden_features;

    std::chrono::milliseconds boot_limit{60'000}; ///< From the start of QEMU to the worker.
};

} // namespace vmrunit::runner
