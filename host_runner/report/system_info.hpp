// SPDX-License-Identifier: GPL-2.0-only
// The machine the run took place on, as far as it can matter to a verdict: kernel, CPU, microcode,
// whether all of this is itself a guest, and the parameters of KVM. No host or user name.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::runner {

/// Names and values in the order they are shown: ("kernel.release", "6.1.0-30-amd64").
using SystemFacts = std::vector<std::pair<std::string, std::string>>;

/// Reads /proc, /sys and /etc below `root`. What is not there is left out.
[[nodiscard]] SystemFacts read_system_facts(const std::filesystem::path& root = "/");

} // namespace vmrunit::runner
