// SPDX-License-Identifier: GPL-2.0-only
// Where this program finds what belongs to it: beside itself in a build folder, else where it is
// installed.
#pragma once

#include <filesystem>

namespace vmrunit::runner {

struct DataPaths {
    std::filesystem::path payload;
    std::filesystem::path baselines;
    std::filesystem::path kvm_worker;
    std::filesystem::path lab_init;
};

[[nodiscard]] DataPaths data_paths();

} // namespace vmrunit::runner
