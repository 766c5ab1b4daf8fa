// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit targets`: what can be tested here, and if not, why and the cure; and which ports of its
// machines a target lists as inert.
#include "host_runner/cli/commands.hpp"

#include "harness/svm/inert_ports.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <vector>

namespace vmrunit::runner {

namespace {

struct Described {
    Availability availability;
    std::string inert_ports; ///< "7Ch-83h 7FFCh-8003h"
};

std::string inert_ports_of(const Target& target) {
    std::string text;
    for (const svm::InertPorts& ports : svm::inert_ports) {
        if (target.machine_features().test(ports.listed)) {
            text += fmt::format("{}{:X}h-{:X}h", text.empty() ? "" : " ", ports.first, ports.last);
        }
    }
    return text;
}

Described describe(const std::string& spec, const TargetRegistry& targets,
                   const TargetOptions& options) {
    const auto target = targets.create(spec, options);
    if (!target) {
        return {{false, target.error().what, target.error().cure}, {}};
    }
    return {(*target)->availability(), inert_ports_of(**target)};
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
            const auto [available, inert_ports] =
                describe(spec, program.targets, common.target_options);
            any = any || available.available;
            fmt::print("{:<{}} {}  {}\n", spec, width, available.available ? "yes" : "no ",
                       available.reason);
            if (!available.available && !available.cure.empty()) {
                fmt::print("{:<{}}      cure: {}\n", "", width, available.cure);
            }
            if (!inert_ports.empty()) {
                fmt::print("{:<{}}      inert ports: {}\n", "", width, inert_ports);
            }
        }
        fmt::print("{0:<{1}}      {2}\n{0:<{1}}      {3}\n", "", width, row.factory->description,
                   row.factory->usage);
    }
    return any ? RunOutcome::passed : RunOutcome::skipped;
}

} // namespace vmrunit::runner
