// SPDX-License-Identifier: GPL-2.0-only
// See tree_build.hpp.
#include "host_runner/bisect/tree_build.hpp"

#include "host_runner/process/process.hpp"
#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <thread>

namespace vmrunit::runner {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view least_config =
#include "host_runner/bisect/lab_kernel_config.inc"
    ;
constexpr std::uint64_t least_space = 64ull << 20;        // Below it a failure is not the step's.
constexpr std::uint64_t space_of_a_kernel = 512ull << 20; // The least configuration takes 122.

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

/// The line of a build's log that says why it failed: an error of the compiler's, a program that is
/// missing; make's own complaints come last and say less.
std::string last_words(const fs::path& log) {
    std::ifstream file{log};
    std::string last;
    for (std::string line; std::getline(file, line);) {
        for (const std::string_view sign : {"error:", "not found", "No such file"}) {
            if (line.find(sign) != std::string::npos) {
                return printable(line);
            }
        }
        if (!line.empty() && !line.starts_with("make")) {
            last = line;
        }
    }
    return printable(last);
}

std::string content_of(const fs::path& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// The file that says which commit the objects are of. It is away while that is not known.
fs::path built_file(const fs::path& folder) {
    return folder / "built";
}

std::string jobs() {
    return " -j" + std::to_string(std::max(1u, std::thread::hardware_concurrency()));
}

/// The least kernel is what the list names and nothing else: allnoconfig, not the defaults of
/// whatever the list makes visible, such as drivers for mice.
std::string configure_command(bool least) {
    return least ? "make -s KCONFIG_ALLCONFIG=../kernel.config allnoconfig && "
                 : "cp ../kernel.config .config && ";
}

} // namespace

bool only_kvm_changed(const std::vector<std::string>& paths) {
    return std::ranges::all_of(paths, [](const std::string& path) {
        const bool in_kvm = path.starts_with("arch/x86/kvm/") || path.starts_with("virt/kvm/");
        // What a series for KVM brings along and no kernel is built from.
        const bool beside =
            path.starts_with("Documentation/") || path.starts_with("tools/testing/");
        return beside || (in_kvm && !path.ends_with("/Kconfig"));
    });
}

Result<TreeBuild> TreeBuild::open(const fs::path& folder, const Plan& plan) {
    std::error_code error;
    fs::create_directories(folder, error);
    const fs::path file = folder / "lock";
    FileDescriptor lock{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    if (!lock.is_open()) {
        return failure(fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
    }
    if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
        return failure(folder.string() + " is in use: another bisection builds there",
                       "wait for it, or give this one a clone of its own with --folder");
    }
    const bool least = plan.config.empty();
    std::string config = least ? std::string{least_config} : content_of(plan.config);
    if (config.empty()) {
        return failure("cannot read the configuration " + plan.config.string());
    }
    return TreeBuild{folder, plan.command, std::move(config), least, std::move(lock)};
}

/// Are the objects those of a commit from which only KVM's sources differ, and is KVM no part of
/// the image?
bool TreeBuild::modules_suffice(const GitSearch& search, const std::string& commit) const {
    std::string built;
    std::getline(std::ifstream{built_file(folder_)}, built);
    if (built.empty() || !is_configured()) {
        return false;
    }
    const std::string config = content_of(tree() / ".config");
    for (const std::string_view module : {"\nCONFIG_KVM=m\n", "\nCONFIG_KVM_AMD=m\n"}) {
        if (config.find(module) == std::string::npos) {
            return false;
        }
    }
    const auto changed = search.changed_paths(built, commit);
    return changed && only_kvm_changed(*changed);
}

bool TreeBuild::is_configured() const {
    std::error_code ignored;
    return fs::exists(tree() / ".config", ignored) &&
           content_of(folder_ / "kernel.config") == config_;
}

BuildResult TreeBuild::build(const GitSearch& search, const std::string& commit,
                             const std::function<bool()>& interrupted) const {
    if (!command_.empty()) {
        return run("{ " + command_ + "\n}", "built", interrupted);
    }
    std::error_code ignored;
    BuildResult result;
    if (modules_suffice(search, commit)) {
        result = run("make -s" + jobs() + " M=arch/x86/kvm modules", "modules", interrupted);
    } else {
        // A build that ends half-way leaves an image of one commit and modules of another.
        fs::remove(built_file(folder_), ignored);
        std::string command;
        if (!is_configured()) {
            fs::remove(tree() / ".config", ignored);
            std::ofstream{folder_ / "kernel.config"} << config_;
            command = configure_command(least_);
        }
        if (!fs::exists(tree() / "vmlinux", ignored) && free_space(folder_) < space_of_a_kernel) {
            return {BuildEnd::no_space, fmt::format("a kernel's objects take {} MiB, {} has {}",
                                                    space_of_a_kernel >> 20, folder_.string(),
                                                    free_space(folder_) >> 20)};
        }
        command += "make -s olddefconfig && make -s" + jobs() + " bzImage modules";
        result = run(command, "kernel", interrupted);
    }
    if (result.end == BuildEnd::built) {
        std::ofstream{built_file(folder_)} << commit << '\n';
    }
    return result;
}

BuildResult TreeBuild::run(const std::string& shell_command, std::string_view what,
                           const std::function<bool()>& interrupted) const {
    const FileDescriptor output{
        ::open(log().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    Command command;
    // What a compiler says is read, so it is to say it in English, in whatever encoding.
    command.arguments = {"/bin/sh", "-c",
                         "export LANGUAGE=en; cd " + shell_word(tree().string()) + " && " +
                             shell_command};
    command.output = output.number();
    command.errors = output.number();
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
        if (free_space(folder_) < least_space) {
            return {BuildEnd::no_space, "no space left in " + folder_.string()};
        }
        const std::string said = last_words(log());
        return {BuildEnd::failed,
                fmt::format("does not build: {}", said.empty() ? describe(*status) : said)};
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return {BuildEnd::built, fmt::format("{} in {:.1f} s", what, took.count())};
}

} // namespace vmrunit::runner
