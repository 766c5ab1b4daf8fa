// SPDX-License-Identifier: GPL-2.0-only
// See run_folder.hpp.
#include "host_runner/report/run_folder.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <optional>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view cure = "set XDG_STATE_HOME to a folder that can be written";

/// "lab:6.12,npt=0" may hold anything a user typed; a folder name may not.
std::string folder_word(std::string_view target) {
    std::string word;
    for (const char c : target.substr(0, 60)) {
        const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '=';
        word += kept ? c : '_';
    }
    return word;
}

/// The process that made a folder of this name, if it is a name that we give:
/// 20260131T235959Z-target-1234, with -2, -3... behind it for further runs of the same second.
std::optional<pid_t> maker_of(std::string_view name) {
    constexpr std::string_view shape = "00000000T000000Z-";
    if (name.size() < shape.size()) {
        return std::nullopt;
    }
    for (std::size_t at = 0; at < shape.size(); ++at) {
        const bool digit = name[at] >= '0' && name[at] <= '9';
        if (shape[at] == '0' ? !digit : name[at] != shape[at]) {
            return std::nullopt;
        }
    }
    name.remove_prefix(shape.size());
    const auto dash = name.find('-'); // folder_word leaves none in the target.
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view digits = name.substr(dash + 1);
    pid_t pid = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
    return parsed.ec == std::errc{} && pid > 0 ? std::optional{pid} : std::nullopt;
}

bool alive(pid_t pid) {
    return ::kill(pid, 0) == 0 || errno == EPERM;
}

/// Names of the folders of runs, the newest first.
std::vector<std::string> run_names(const fs::path& runs) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (fs::directory_iterator entry{runs, ignored}, end; entry != end; entry.increment(ignored)) {
        const std::string name = entry->path().filename().string();
        if (entry->symlink_status(ignored).type() == fs::file_type::directory && maker_of(name)) {
            names.push_back(name);
        }
    }
    std::ranges::sort(names, std::ranges::greater{});
    return names;
}

void remove_oldest(const fs::path& runs, std::size_t kept) {
    const std::vector<std::string> names = run_names(runs);
    std::error_code ignored;
    for (std::size_t at = kept; at < names.size(); ++at) {
        if (!alive(*maker_of(names[at]))) {
            fs::remove_all(runs / names[at], ignored);
        }
    }
}

} // namespace

Result<fs::path> default_runs_folder() {
    const auto absolute = [](const char* path) { return path != nullptr && path[0] == '/'; };
    if (const char* state = std::getenv("XDG_STATE_HOME"); absolute(state)) {
        return fs::path{state} / "vmrunit/runs";
    }
    const char* home = std::getenv("HOME");
    if (!absolute(home)) {
        const passwd* user = ::getpwuid(::getuid());
        home = user != nullptr ? user->pw_dir : nullptr;
    }
    if (!absolute(home)) {
        return failure("no folder for results: neither XDG_STATE_HOME nor HOME is set",
                       std::string{cure});
    }
    return fs::path{home} / ".local/state/vmrunit/runs";
}

Result<fs::path> create_run_folder(const fs::path& runs, std::string_view target,
                                   std::chrono::system_clock::time_point time, std::size_t kept) {
    std::error_code error;
    fs::create_directories(runs, error);
    if (error) {
        return failure(fmt::format("cannot create {}: {}", runs.string(), error.message()),
                       std::string{cure});
    }
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const std::string name = fmt::format("{:%Y%m%dT%H%M%SZ}-{}-{}",
                                         fmt::gmtime(std::chrono::system_clock::to_time_t(whole)),
                                         folder_word(target), ::getpid());
    fs::path folder = runs / name;
    // create_directory says false, and no error, if the folder is there already.
    for (unsigned again = 2; !fs::create_directory(folder, error); ++again) {
        if (error) {
            return failure(fmt::format("cannot create {}: {}", folder.string(), error.message()),
                           std::string{cure});
        }
        folder = runs / fmt::format("{}-{}", name, again);
    }
    remove_oldest(runs, kept);
    return folder;
}

std::optional<fs::path> newest_run(const fs::path& runs, std::string_view target) {
    const std::string word = folder_word(target);
    for (const std::string& name : run_names(runs)) {
        // 20260131T235959Z-target-1234: folder_word leaves no dash in the target.
        const std::size_t begin = name.find('-') + 1;
        const bool of_target =
            target.empty() || name.substr(begin, name.find('-', begin) - begin) == word;
        std::error_code ignored;
        if (of_target && !alive(*maker_of(name)) &&
            fs::exists(runs / name / "results.jsonl", ignored)) {
            return runs / name;
        }
    }
    return std::nullopt;
}

void point_latest_at(const fs::path& folder) {
    // Made beside and renamed over, so that `latest` always leads somewhere.
    const fs::path made = folder.parent_path() / fmt::format("latest.{}", ::getpid());
    std::error_code error;
    fs::remove(made, error);
    fs::create_directory_symlink(folder.filename(), made, error);
    if (!error) {
        fs::rename(made, folder.parent_path() / "latest", error);
    }
    if (error) {
        fs::remove(made, error);
    }
}

} // namespace vmrunit::runner
