// SPDX-License-Identifier: GPL-2.0-only
// Builds a tree between two steps of a bisection: by a command of the user's, or, for Linux, KVM's
// modules alone where nothing else has changed, else the least kernel that a lab machine boots.
#pragma once

#include "host_runner/error.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct TreeBuild {
    std::filesystem::path tree;
    std::filesystem::path log;    ///< What the build prints, of the last step.
    std::string command;          ///< For sh, in the tree; empty: a kernel is built.
    std::filesystem::path config; ///< Of the kernel; empty: the least that a lab machine boots.
};

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

/// Is it a tree of Linux with KVM for x86?
[[nodiscard]] bool is_kernel_tree(const std::filesystem::path& tree);

/// Do the paths lie in KVM alone, so that its modules are all there is to build?
[[nodiscard]] bool only_kvm_changed(const std::vector<std::string>& paths);

/// `changed`: paths since the last build that succeeded in this tree; nothing if there was none.
[[nodiscard]] BuildResult build_tree(const TreeBuild& build,
                                     const std::vector<std::string>* changed,
                                     const std::function<bool()>& interrupted);

} // namespace vmrunit::runner
