// SPDX-License-Identifier: GPL-2.0-only
// From the command line to a run on one target, for the commands that run cases.
#pragma once

#include "host_runner/cli/commands.hpp"
#include "host_runner/run/reported_run.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// The file that was named, none, or that of the target.
[[nodiscard]] Result<Baseline> load_baseline(const CommonOptions& common, const Target& target);

/// With which a case is run again the same way: it is judged by the same baseline, too.
[[nodiscard]] std::string repeat_options(const CommonOptions& common, std::string_view target);

/// The images of --payload, or our own. That a file the user names is none is a usage error.
[[nodiscard]] tl::expected<PayloadImages, CommandError> load_images(const Program& program,
                                                                    const CommonOptions& common);

/// For machines that run beside the first: `jobs` in all, and no more than there are cases.
[[nodiscard]] Result<std::vector<std::unique_ptr<Target>>>
create_more_targets(const Program& program, const CommonOptions& common, const Target& first,
                    std::size_t jobs, std::size_t cases);

/// What a run is about. All of it outlives the run.
struct RunParts {
    Target& target;
    const PayloadImages& images;
    Baseline& baseline;
    Reporter& reporter;
    std::string subject; ///< What the target is on this machine, from its availability.
    Shard shard{};
    std::span<const std::unique_ptr<Target>> more_targets{}; ///< For machines beside the first.
};

/// Selects the baseline's entries for the subject's version, too.
[[nodiscard]] ReportedRunInput run_input(const Program& program, const CommonOptions& common,
                                         const RunOptions& options,
                                         const std::vector<std::string>& command_line,
                                         const RunParts& parts);

} // namespace vmrunit::runner
