// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/result_files.hpp"

#include "host_runner/report/results_file.hpp"

#include <algorithm>

namespace vmrunit::runner {

Result<TargetResults> target_results(const std::filesystem::path& path) {
    auto record = read_results(path);
    if (!record) {
        return tl::unexpected(record.error());
    }
    TargetResults results{record->info.target, {}, record->info.features};
    for (const CaseResult& one : record->results) {
        results.verdicts.insert_or_assign(one.name, one.verdict);
    }
    return results;
}

std::vector<TargetResults> last_results(const std::filesystem::path& runs) {
    // A run's folder begins with its time, so names are in the order of time.
    std::vector<std::filesystem::path> folders;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator{runs, none}) {
        if (entry.is_directory() && !entry.is_symlink()) {
            folders.push_back(entry.path());
        }
    }
    std::ranges::sort(folders);
    std::map<std::string, TargetResults> newest;
    for (const auto& folder : folders) {
        if (auto results = target_results(folder); results && !results->verdicts.empty()) {
            const std::string target = results->target;
            newest.insert_or_assign(target, std::move(*results));
        }
    }
    std::vector<TargetResults> all;
    for (auto& [target, results] : newest) {
        all.push_back(std::move(results));
    }
    return all;
}

} // namespace vmrunit::runner
