// SPDX-License-Identifier: GPL-2.0-only
// What kind of machine Bochs is to be, and the files and command line that make it so.
#pragma once

#include "host_runner/targets/bochs_program.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct BochsConfiguration {
    BochsProgram program;
    std::string cpu = "ryzen";       ///< A name of `bochs --help cpu`.
    std::vector<std::string> hidden; ///< CPU features, by Bochs' names. From 2.8 on.
    unsigned memory_mebibytes = 64;
    /// Instructions in an emulated second. The default is the lowest Bochs accepts: the seconds a
    /// BIOS spends waiting are over the sooner the fewer instructions one has.
    unsigned instructions_per_second = 1'000'000;
    /// Of a register the model does not have: 0 is read and writes are lost, instead of #GP.
    bool ignores_unknown_msrs = false;
    std::string devices; ///< More lines of the configuration file, each with its end.
};

/// Where a machine finds what it is made of. Bochs must be able to write beside the disk.
struct BochsFiles {
    std::filesystem::path configuration;
    std::filesystem::path debugger_commands;
    std::filesystem::path disk;
    std::filesystem::path log;
};

/// The text of Bochs' configuration file.
[[nodiscard]] std::string bochs_configuration_text(const BochsConfiguration& configuration,
                                                   const BochsFiles& files);

/// The text of the file of debugger commands: Debian's Bochs is built with its debugger, which
/// waits for one before it starts the machine.
[[nodiscard]] std::string bochs_debugger_commands();

[[nodiscard]] std::vector<std::string> bochs_command_line(const BochsConfiguration& configuration,
                                                          const BochsFiles& files);

} // namespace vmrunit::runner
