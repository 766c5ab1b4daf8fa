// SPDX-License-Identifier: GPL-2.0-only
// Asks a QEMU program what it is and what it has. Every question starts it for some 20 ms.
#pragma once

#include "host_runner/targets/cpu_model.hpp"
#include "host_runner/targets/qemu_machine.hpp"

#include <string>
#include <vector>

namespace vmrunit::runner {

struct QemuVersion {
    unsigned major = 0;
    unsigned minor = 0;
    unsigned micro = 0;
    std::string package; ///< What the packager added in parentheses; may be empty.

    [[nodiscard]] std::string text() const;   ///< "7.2.22"
    [[nodiscard]] std::string series() const; ///< "7.2"
};

/// From what `--version` prints. An error if that is not a QEMU speaking.
[[nodiscard]] Result<QemuVersion> parse_qemu_version(std::string_view output);
[[nodiscard]] Result<QemuVersion> ask_qemu_version(const std::string& program);

struct QemuOffer {
    CpuOffer cpu;
    std::vector<std::string> machines;
};
[[nodiscard]] Result<QemuOffer> ask_qemu_offer(const std::string& program,
                                               const std::string& accelerator);

/// The features that the configured CPU model has and this QEMU's accelerator cannot give.
[[nodiscard]] Result<std::vector<std::string>>
ask_missing_features(const QemuConfiguration& configuration);

} // namespace vmrunit::runner
