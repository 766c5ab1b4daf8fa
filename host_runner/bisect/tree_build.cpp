// SPDX-License-Identifier: GPL-2.0-only
// See tree_build.hpp.
#include "host_runner/bisect/tree_build.hpp"

#include "host_runner/process/process.hpp"
#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sys/statvfs.h>
#include <thread>

namespace vmrunit::runner {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view least_config =
#include "host_runner/bisect/lab_kernel_config.inc"
    ;
constexpr std::uint64_t least_space = 64ull << 20;         // Below it a failure is not the step's.
constexpr std::uint64_t space_of_a_kernel = 1536ull << 20; // Objects of the least configuration.

std::uint64_t free_space(const fs::path& where) {
    struct statvfs status {};
    return ::statvfs(where.c_str(), &status) == 0
               ? static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize
               : 0;
}

std::string shell_word(const std::string& word) {
    std::string out = "'";
    for (const char c : word) {
        out += c == '\'' ? "'\\''" : std::string{c};
    }
    return out + "'";
}

std::string last_words(const fs::path& log) {
    std::ifstream file{log};
    std::string last;
    std::string error;
    for (std::string line; std::getline(file, line);) {
        if (line.find("error:") != std::string::npos && error.empty()) {
            error = line;
        }
        if (!line.empty()) {
            last = line;
        }
    }
    return printable(error.empty() ? last : error);
}

fs::path fragment_of(const TreeBuild& build) {
    return build.log.parent_path() / "kernel.config";
}

/// The commands that bring a kernel up to date, in one line for sh.
std::string kernel_command(const TreeBuild& build, bool modules_only, bool configured) {
    const std::string jobs = std::to_string(std::max(1u, std::thread::hardware_concurrency()));
    if (modules_only) {
        return "make -s -j" + jobs + " M=arch/x86/kvm modules";
    }
    std::string command;
    if (!configured) {
        command = build.config.empty()
                      ? "make -s tinyconfig && scripts/kconfig/merge_config.sh -m .config " +
                            shell_word(fragment_of(build).string()) + " >/dev/null && "
                      : "cp " + shell_word(build.config.string()) + " .config && ";
    }
    return command + "make -s olddefconfig && make -s -j" + jobs + " bzImage modules";
}

} // namespace

bool is_kernel_tree(const fs::path& tree) {
    std::error_code ignored;
    return fs::exists(tree / "arch/x86/kvm/svm", ignored) && fs::exists(tree / "Kbuild", ignored);
}

bool only_kvm_changed(const std::vector<std::string>& paths) {
    return std::ranges::all_of(paths, [](const std::string& path) {
        const bool in_kvm = path.starts_with("arch/x86/kvm/") || path.starts_with("virt/kvm/");
        return in_kvm && !path.ends_with("/Kconfig");
    });
}

BuildResult build_tree(const TreeBuild& build, const std::vector<std::string>* changed,
                       const std::function<bool()>& interrupted) {
    const bool kernel = build.command.empty();
    const bool modules_only = kernel && changed != nullptr && only_kvm_changed(*changed);
    std::error_code ignored;
    const bool configured = fs::exists(build.tree / ".config", ignored);
    if (kernel && changed == nullptr && free_space(build.tree) < space_of_a_kernel) {
        return {BuildEnd::no_space,
                fmt::format("a kernel's objects take {} MiB, {} has {}", space_of_a_kernel >> 20,
                            build.tree.string(), free_space(build.tree) >> 20)};
    }
    std::ofstream{fragment_of(build)} << least_config;
    const FileDescriptor log{
        ::open(build.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    Command command;
    command.arguments = {"/bin/sh", "-c",
                         "cd " + shell_word(build.tree.string()) + " && " +
                             (kernel ? kernel_command(build, modules_only, configured)
                                     : "{ " + build.command + "\n}")};
    command.output = log.number();
    command.errors = log.number();
    const auto start = std::chrono::steady_clock::now();
    auto process = Process::start(command);
    if (!process) {
        return {BuildEnd::failed, process.error().line()};
    }
    std::optional<ProcessStatus> status;
    while (!(status = process->wait_for(100ms))) {
        if (interrupted()) {
            static_cast<void>(process->terminate(5s));
            return {BuildEnd::interrupted, "interrupted"};
        }
    }
    if (!status->succeeded()) {
        if (free_space(build.tree) < least_space) {
            return {BuildEnd::no_space, "no space left in " + build.tree.string()};
        }
        const std::string said = last_words(build.log);
        return {BuildEnd::failed,
                fmt::format("does not build: {}", said.empty() ? describe(*status) : said)};
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return {BuildEnd::built, fmt::format("{} in {:.1f} s",
                                         modules_only ? "modules"
                                         : kernel     ? "kernel"
                                                      : "built",
                                         took.count())};
}

} // namespace vmrunit::runner
