// SPDX-License-Identifier: GPL-2.0-only
// What the commands are told, after parsing.
#pragma once

#include "host_runner/exit_status.hpp"
#include "host_runner/report/report_set.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct CommonOptions {
    std::vector<std::string> filters;
    std::string target; ///< Empty: `kvm` where this host offers nested SVM, else `qemu`.
    TargetOptions target_options;
    std::filesystem::path payload;
    std::filesystem::path baselines_folder;
    std::string baseline; ///< A file, "none", or empty for the target's own.
    ExitStyle exit_style = ExitStyle::kselftest;
};

struct RunOptions {
    ReportOptions reports;
    double case_seconds = 10; ///< Deadline of a case.
    bool isolate = false;     ///< A machine for each case.
    bool use_ring = true;
    bool strict = false;
    bool shuffle = false;
    bool fail_fast = false;
    unsigned seed = 0;
    int repeat = 1;
    std::vector<std::string> gtest_arguments; ///< --gtest_ flags as given.
};

struct ListOptions {
    bool details = false;
    bool json = false;
};

struct BenchOptions {
    unsigned runs = 2000; ///< VMRUNs in the bare measurement.
    bool json = false;
    bool use_ring = true;
};

} // namespace vmrunit::runner
