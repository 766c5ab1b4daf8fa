// SPDX-License-Identifier: GPL-2.0-only
// What a lab kernel finds when it starts: its command line and its first root file system.
#pragma once

#include "host_runner/lab/lab_configuration.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vmrunit::runner {

[[nodiscard]] std::string lab_kernel_command_line(const LabConfiguration& configuration,
                                                  std::uint64_t tsc_kilohertz);

/// What the first process does, a line for each step.
[[nodiscard]] std::string lab_steps(const LabConfiguration& configuration);

[[nodiscard]] Result<std::vector<std::byte>> build_lab_image(const LabConfiguration& configuration,
                                                             const std::filesystem::path& payload);

} // namespace vmrunit::runner
