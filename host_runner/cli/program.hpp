// SPDX-License-Identifier: GPL-2.0-only
// The command line. `vmrunit` is this with the built-in tables and targets; another program can
// hand in its own.
#pragma once

#include "cases/model/catalogue.hpp"
#include "host_runner/targets/target_registry.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// What the program brings along.
struct Program {
    const cases::Catalogue& catalogue;
    const TargetRegistry& targets;
    std::string version;
    std::filesystem::path payload;          ///< Default of --payload.
    std::filesystem::path baselines_folder; ///< Default of --baselines.
};

/// Carries a command line out and returns the process's exit status. Standard output and error are
/// written; SIGINT and SIGTERM are handled while cases run.
[[nodiscard]] int run_program(const Program& program, std::vector<std::string> arguments);

} // namespace vmrunit::runner
