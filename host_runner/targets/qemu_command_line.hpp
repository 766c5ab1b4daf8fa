// SPDX-License-Identifier: GPL-2.0-only
// What kind of machine QEMU is to be, and the command line that makes it so.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct QemuConfiguration {
    std::string program = "qemu-system-x86_64";
    std::string accelerator = "tcg";
    std::string machine = "microvm";
    std::string cpu = "max,svm=on"; ///< As for QEMU's -cpu.
    unsigned cpus = 2;
    unsigned memory_mebibytes = 64;
};

/// Numbers of the descriptors that QEMU inherits.
struct QemuDescriptors {
    int debug_port = -1;
    int log = -1;
    int monitor = -1;
    int service_port = -1;
    std::optional<int> plan{};
    std::optional<int> memory{}; ///< The file that is guest memory, if the runner shares it.
};

/// The value for QEMU's -machine: microvm is stripped of what no payload needs.
[[nodiscard]] std::string machine_argument(const QemuConfiguration& configuration);

[[nodiscard]] std::vector<std::string> qemu_command_line(const QemuConfiguration& configuration,
                                                         const std::filesystem::path& image,
                                                         const QemuDescriptors& descriptors);

} // namespace vmrunit::runner
