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
    unsigned jobs = 1;        ///< Machines at a time.
    bool use_ring = true;
    bool strict = false;
    bool shuffle = false;
    bool reverse = false;
    bool fail_fast = false;
    unsigned seed = 0;
    int repeat = 1;
    unsigned retries = 0; ///< Of a case that failed, after all others.
    bool failed = false;  ///< Only what failed in the last run.
    std::filesystem::path history;
    std::string source_url; ///< What a row's file is appended to in the HTML report.
    std::vector<std::string> gtest_arguments; ///< --gtest_ flags as given.
};

struct DiffOptions {
    std::string before; ///< A result file, a run's folder, or a target to run now. So is the next.
    std::string after;
    std::string html; ///< As the next.
    std::string source_url;
    std::string markdown; ///< A file, "-" for standard output, empty for none.
    bool strict = false;
    bool verbose = false;
    ColourMode colour = ColourMode::automatic;
    double case_seconds = 10;
};

struct BisectOptions {
    std::string good;
    std::string bad;
    std::filesystem::path tree;         ///< A git repository; or one of the next two.
    std::vector<std::string> kernels;   ///< Debian's versions in order, or a folder.
    std::vector<std::string> qemu_list; ///< Programs in order.
    std::string build;                  ///< Command that builds the tree; empty: a kernel.
    std::filesystem::path config;       ///< Of the kernel.
    std::filesystem::path folder;       ///< Log, results, clone; empty: one for this question.
    bool restart = false;
    double case_seconds = 10;
    unsigned retries = 0; ///< As those of a run; a version with a flaky case is skipped.
};

struct HistoryOptions {
    std::filesystem::path file;
    std::vector<std::filesystem::path> add; ///< Results to be put in first.
    bool unstable = false;                  ///< Only lines whose verdict changed.
    bool json = false;
};

struct ReportCommandOptions {
    std::vector<std::filesystem::path> files; ///< Results of a run, or of its shards.
    ReportOptions reports;
    std::string source_url;
};

struct MatrixOptions {
    std::vector<std::string> words; ///< Targets and filters, told apart by their beginnings.
    RunOptions run;                 ///< Of each target.
    bool all = false;               ///< Show what holds everywhere, too.
    std::filesystem::path html;     ///< Write a page there; its links are run.source_url's.
};

struct ListOptions {
    bool details = false;
    bool json = false;
};

struct CoverageOptions {
    std::vector<std::string> results;  ///< Journals, JSON reports or folders of runs.
    bool last_runs = false;            ///< The newest run of each target, too.
    std::filesystem::path runs_folder; ///< Where those are; empty: the default.
    std::filesystem::path html;        ///< Write a page there.
    bool check = false;                ///< Say only what is wrong, and fail if anything is.
};

struct BenchOptions {
    unsigned runs = 2000; ///< VMRUNs in the bare measurement.
    bool json = false;
    bool use_ring = true;
};

} // namespace vmrunit::runner
