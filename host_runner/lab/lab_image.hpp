// SPDX-License-Identifier: GPL-2.0-only
// What a lab kernel finds when it starts: its command line and its first root file system.
#pragma once

#include "host_runner/lab/lab_configuration.hpp"
#include "host_runner/lab/lab_emulator.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace vmrunit::runner {

/// `machine` is what the emulator adds.
[[nodiscard]] std::string lab_kernel_command_line(const LabConfiguration& configuration,
                                                  const std::string& machine);

/// What the first process does, a line for each step. `with_plan`: the image holds one.
[[nodiscard]] std::string lab_steps(const LabConfiguration& configuration, const WorkerLines& lines,
                                    bool with_plan = false);

/// `plan` comes with the image unless it is empty.
[[nodiscard]] Result<LabImage> build_lab_image(const LabConfiguration& configuration,
                                               const LabEmulator& emulator,
                                               const std::filesystem::path& payload,
                                               std::span<const std::byte> plan = {});

} // namespace vmrunit::runner
