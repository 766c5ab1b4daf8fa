// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit targets`: what can be tested here, and if not, why and the cure.
#include "host_runner/cli/commands.hpp"

#include <fmt/format.h>
#include <string>
#include <vector>

namespace vmrunit::runner {

namespace {

Availability availability_of(const std::string& spec, const TargetRegistry& targets,
                             const TargetOptions& options) {
    const auto target = targets.create(spec, options);
    return target ? (*target)->availability()
                  : Availability{false, target.error().what, target.error().cure};
}

} // namespace

CommandResult targets_command(const Program& program, const CommonOptions& common) {
    bool any = false;
    for (const TargetFactory& factory : program.targets.factories()) {
        const std::vector<std::string> name_alone{factory.name};
        for (const auto& spec : factory.examples.empty() ? name_alone : factory.examples) {
            const auto available = availability_of(spec, program.targets, common.target_options);
            any = any || available.available;
            fmt::print("{:<10} {}  {}\n", spec, available.available ? "yes" : "no ",
                       available.reason);
            if (!available.available && !available.cure.empty()) {
                fmt::print("{:<10}      cure: {}\n", "", available.cure);
            }
        }
        fmt::print("{:<10}      {}\n{:<10}      {}\n", "", factory.description, "", factory.usage);
    }
    return any ? RunOutcome::passed : RunOutcome::skipped;
}

} // namespace vmrunit::runner
