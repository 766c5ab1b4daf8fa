// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit targets`: what can be tested here, and if not, why and the cure.
#include "host_runner/cli/commands.hpp"

#include <algorithm>
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
    struct Row {
        const TargetFactory* factory;
        std::vector<std::string> specs;
    };
    std::vector<Row> rows;
    std::size_t width = 0;
    for (const TargetFactory& factory : program.targets.factories()) {
        rows.push_back(
            {&factory, factory.examples.empty() ? std::vector{factory.name} : factory.examples});
        for (const auto& spec : rows.back().specs) {
            width = std::max(width, spec.size());
        }
    }
    bool any = false;
    for (const Row& row : rows) {
        for (const auto& spec : row.specs) {
            const auto available = availability_of(spec, program.targets, common.target_options);
            any = any || available.available;
            fmt::print("{:<{}} {}  {}\n", spec, width, available.available ? "yes" : "no ",
                       available.reason);
            if (!available.available && !available.cure.empty()) {
                fmt::print("{:<{}}      cure: {}\n", "", width, available.cure);
            }
        }
        fmt::print("{0:<{1}}      {2}\n{0:<{1}}      {3}\n", "", width, row.factory->description,
                   row.factory->usage);
    }
    return any ? RunOutcome::passed : RunOutcome::skipped;
}

} // namespace vmrunit::runner
