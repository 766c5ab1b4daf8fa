// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit list`: the names of cases, one to a line; with their data on request.
#include "host_runner/cli/case_text.hpp"
#include "host_runner/cli/commands.hpp"
#include "host_runner/selection/case_filter.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vmrunit::runner {

namespace {

nlohmann::ordered_json names_of(const svm::Features& features) {
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const svm::FeatureInfo& info : svm::feature_table) {
        if (features.test(info.feature)) {
            names.push_back(info.name);
        }
    }
    return names;
}

nlohmann::ordered_json json_of(const cases::Case& one) {
    return {{"name", one.name},
            {"title", one.title},
            {"manual", one.manual},
            {"file", one.file},
            {"line", one.line},
            {"program", one.program},
            {"l2_mode", l2_mode_names[static_cast<unsigned>(one.start.mode)]},
            {"cpl", one.start.cpl},
            {"nested_paging", one.start.nested_paging},
            {"needs", names_of(one.needs)},
            {"without", names_of(one.without)},
            {"ends_machine", one.ends_machine},
            {"confirmed", one.confirmed}};
}

} // namespace

CommandResult list_command(const Program& program, const CommonOptions& common,
                           const ListOptions& options) {
    auto chosen = select_cases(program.catalogue, common.filters);
    if (!chosen) {
        return usage_error(chosen.error());
    }
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const cases::Case* one : *chosen) {
        if (options.json) {
            all.push_back(json_of(*one));
        } else if (options.details) {
            const std::string needs = feature_names(one->needs);
            const std::string without = feature_names(one->without);
            fmt::print("{}\n    {}\n    {}, {}:{}{}{}\n", one->name, one->title, one->manual,
                       one->file, one->line, needs.empty() ? "" : ", needs " + needs,
                       without.empty() ? "" : ", without " + without);
        } else {
            fmt::print("{}\n", one->name);
        }
    }
    if (options.json) {
        fmt::print("{}\n", all.dump(2));
    }
    return RunOutcome::passed;
}

CommandResult show_command(const Program& program, const CommonOptions& common) {
    auto chosen = select_cases(program.catalogue, common.filters);
    if (!chosen) {
        return usage_error(chosen.error());
    }
    auto images = PayloadImages::load(common.payload);
    if (!images) {
        return operation_error(images.error());
    }
    bool first = true;
    for (const cases::Case* one : *chosen) {
        auto resolver = Resolver::make(*images, *one);
        if (!resolver) {
            return operation_error(resolver.error());
        }
        fmt::print("{}{}", first ? "" : "\n", case_text(*one, *resolver));
        first = false;
    }
    return RunOutcome::passed;
}

} // namespace vmrunit::runner
