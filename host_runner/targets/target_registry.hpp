// SPDX-License-Identifier: GPL-2.0-only
// The kinds of target there are. Each kind brings its factory; the list is an object that main
// fills and hands around, so that an outsider adds a kind of his own to the same list.
#pragma once

#include "host_runner/targets/target.hpp"
#include "host_runner/targets/target_spec.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// Options of the command line that concern more than one kind of target.
struct TargetOptions {
    std::string qemu_program; ///< --qemu; empty: qemu-system-x86_64 in PATH.
    std::filesystem::path
        kernel{}; ///< --kernel, of a lab target; empty: the target's name says it.
};

struct TargetFactory {
    std::string name;        ///< What a spec begins with: "qemu".
    std::string description; ///< One line for people.
    std::string usage;       ///< Its form and keys: "qemu[@PROGRAM][,cpu=MODEL]...".
    /// An error is one of usage: a key, a value or a CPU model that does not exist. What is missing
    /// on this machine is said later, by Target::availability().
    std::function<Result<std::unique_ptr<Target>>(TargetSpec, const TargetOptions&)> create;
    /// Complete specs for the list of targets, where the name alone is none: "lab:6.12".
    std::vector<std::string> examples = {};
};

class TargetRegistry {
public:
    /// The name must be new: two kinds of one name are a programming error.
    void add(TargetFactory factory);
    void add(std::vector<TargetFactory> factories);

    [[nodiscard]] const std::vector<TargetFactory>& factories() const { return factories_; }
    [[nodiscard]] Result<std::unique_ptr<Target>> create(std::string_view spec,
                                                         const TargetOptions& options) const;

private:
    std::vector<TargetFactory> factories_;
};

} // namespace vmrunit::runner
