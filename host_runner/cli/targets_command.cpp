// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit targets`: what can be tested here, and if not, why and the cure.
#include "host_runner/cli/commands.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

CommandResult targets_command(const Program& program, const CommonOptions& common) {
    bool any = false;
    for (const TargetFactory& factory : program.targets.factories()) {
        const std::string spec = factory.example.empty() ? factory.name : factory.example;
        auto target = program.targets.create(spec, common.target_options);
        Availability available;
        if (target) {
            available = (*target)->availability();
        } else {
            available = {false, target.error().what, target.error().cure};
        }
        any = any || available.available;
        fmt::print("{:<10} {}  {}\n", spec, available.available ? "yes" : "no ", available.reason);
        if (!available.available && !available.cure.empty()) {
            fmt::print("{:<10}      cure: {}\n", "", available.cure);
        }
        fmt::print("{:<10}      {}\n{:<10}      {}\n", "", factory.description, "", factory.usage);
    }
    return any ? RunOutcome::passed : RunOutcome::skipped;
}

} // namespace vmrunit::runner
