// SPDX-License-Identifier: GPL-2.0-only
// What a lab machine is made of, whatever emulates it.
#pragma once

#include "host_runner/lab/kernel_files.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::runner {

struct LabConfiguration {
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

    /// Asked while a kernel boots, which may take a minute: true ends that. May be empty.
    std::function<bool()> give_up{};
};

} // namespace vmrunit::runner
