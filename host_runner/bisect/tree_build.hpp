// SPDX-License-Identifier: GPL-2.0-only
// Builds a tree between two steps of a bisection: by a command of the user's, or, for Linux, KVM's
// modules alone where nothing else has changed, else the least kernel that a lab machine boots.
#pragma once

#include "host_runner/bisect/git_search.hpp"
#include "host_runner/error.hpp"
#include "host_runner/files/file_descriptor.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace vmrunit::runner {

enum class BuildEnd : std::uint8_t {
    built,
    failed,      ///< The step cannot be told: skip.
    no_space,    ///< Nothing is said about the step: the bisection stops.
    interrupted, ///< As above.
};

struct BuildResult {
    BuildEnd end = BuildEnd::built;
    std::string text; ///< What was built, or the last thing the build said.
};

/// Do the paths, as far as anything is built from them, lie in KVM alone, so that its modules are
/// all there is to build?
[[nodiscard]] bool only_kvm_changed(const std::vector<std::string>& paths);

class TreeBuild {
public:
    struct Plan {
        std::string command;          ///< For sh, in the tree; empty: a kernel is built.
        std::filesystem::path config; ///< Of the kernel; empty: the least that a lab machine boots.
    };

    /// Takes the folder of a clone and of what is built in it, for this process alone. Fails if
    /// another one has it, or the configuration cannot be read.
    [[nodiscard]] static Result<TreeBuild> open(const std::filesystem::path& folder,
                                                const Plan& plan);

    [[nodiscard]] std::filesystem::path tree() const { return folder_ / "tree"; }
    /// What the build printed, of the last step.
    [[nodiscard]] std::filesystem::path log() const { return folder_ / "build.log"; }

    /// Builds `commit`, which is checked out in the tree.
    [[nodiscard]] BuildResult build(const GitSearch& search, const std::string& commit,
                                    const std::function<bool()>& interrupted) const;

private:
    TreeBuild(std::filesystem::path folder, std::string command, std::string config, bool least,
              FileDescriptor lock)
        : folder_{std::move(folder)},
          command_{std::move(command)},
          config_{std::move(config)},
          least_{least},
          lock_{std::move(lock)} {}

    [[nodiscard]] bool modules_suffice(const GitSearch& search, const std::string& commit) const;
    [[nodiscard]] bool is_configured() const;
    [[nodiscard]] BuildResult run(const std::string& shell_command, std::string_view what,
                                  const std::function<bool()>& interrupted) const;

    std::filesystem::path folder_;
    std::string command_;
    std::string config_; ///< The text.
    bool least_;         ///< It is ours, not the user's.
    FileDescriptor lock_;
};

} // namespace vmrunit::runner
