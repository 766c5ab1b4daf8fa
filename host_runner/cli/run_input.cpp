// SPDX-License-Identifier: GPL-2.0-only
// See run_input.hpp.
#include "host_runner/cli/run_input.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace vmrunit::runner {

Result<Baseline> load_baseline(const CommonOptions& common, const Target& target) {
    if (common.baseline == "none") {
        return Baseline{};
    }
    if (!common.baseline.empty()) {
        return Baseline::load(common.baseline);
    }
    return Baseline::load_for(common.baselines_folder, target.baseline_name());
}

std::string repeat_options(const CommonOptions& common, std::string_view target) {
    std::string options = fmt::format("--target {}", target);
    if (const auto kernel = common.target_options.kernel.string(); !kernel.empty()) {
        options += " --kernel " + kernel;
    }
    if (!common.baseline.empty()) {
        options += " --baseline " + common.baseline;
    }
    return options;
}

tl::expected<PayloadImages, CommandError> load_images(const Program& program,
                                                      const CommonOptions& common) {
    auto images = PayloadImages::load(common.payload);
    if (!images) {
        const bool ours = common.payload == program.payload;
        return tl::unexpected(
            CommandError{images.error(), ours ? RunOutcome::broken : RunOutcome::usage});
    }
    return std::move(*images);
}

Result<std::vector<std::unique_ptr<Target>>>
create_more_targets(const Program& program, const CommonOptions& common, const Target& first,
                    std::size_t jobs, std::size_t cases) {
    std::vector<std::unique_ptr<Target>> targets;
    while (targets.size() + 1 < std::min(jobs, cases)) {
        auto target = program.targets.create(first.name(), common.target_options);
        if (!target) {
            return tl::unexpected(target.error());
        }
        targets.push_back(std::move(*target));
    }
    return targets;
}

ReportedRunInput run_input(const Program& program, const CommonOptions& common,
                           const RunOptions& options, const std::vector<std::string>& command_line,
                           const RunParts& parts) {
    Target& target = parts.target;
    const SubjectFacts facts = target.facts();
    parts.baseline.select_subject(facts);
    ReportedRunInput input{.target = target,
                           .images = parts.images,
                           .session = {},
                           .baseline = parts.baseline,
                           .reporter = parts.reporter,
                           .info = {},
                           .repeat_command = {},
                           .all_names = {},
                           .more_targets = {},
                           .retries = options.retries};
    for (const auto& another : parts.more_targets) {
        input.more_targets.push_back(another.get());
    }
    input.session.case_limit =
        std::chrono::milliseconds{static_cast<long>(options.case_seconds * 1000)};
    input.session.use_ring = options.use_ring;
    input.session.cases_per_machine = options.isolate ? 1 : 0;
    input.info.target = target.name();
    input.info.subject = parts.subject;
    input.info.baseline = common.baseline.empty() ? target.baseline_name() : common.baseline;
    input.info.facts = facts;
    input.info.shard = parts.shard;
    input.info.version = program.version;
    input.info.payload_build_id = parts.images.main().build_id_text();
    input.info.command_line = command_line;
    input.info.started = std::chrono::system_clock::now();
    input.info.strict = options.strict;
    input.repeat_command = [end = repeat_options(common, target.name())](const std::string& name) {
        return fmt::format("vmrunit run {} {}", name, end);
    };
    for (const cases::Case& one : program.catalogue.cases()) {
        input.all_names.push_back(one.name);
    }
    return input;
}

} // namespace vmrunit::runner
