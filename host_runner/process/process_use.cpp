// SPDX-License-Identifier: GPL-2.0-only
// CPU time by the process' own clock, states of its threads from /proc.
#include "host_runner/process/process_use.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace vmrunit::runner {

namespace {

/// The letter behind the name, which stands in parentheses and may hold any character.
char state_of_thread(const std::filesystem::path& thread) {
    std::ifstream file{thread / "stat"};
    const std::string line{std::istreambuf_iterator<char>{file}, {}};
    const auto name_end = line.rfind(") ");
    return name_end != std::string::npos && name_end + 2 < line.size() ? line[name_end + 2] : '?';
}

} // namespace

std::optional<ProcessUse> use_of_process(pid_t process) {
    clockid_t clock{};
    timespec used{};
    if (process <= 0 || ::clock_getcpuclockid(process, &clock) != 0 ||
        ::clock_gettime(clock, &used) != 0) {
        return std::nullopt;
    }
    ProcessUse use;
    use.cpu_time = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec});
    std::error_code error;
    const auto threads = std::filesystem::path{"/proc"} / std::to_string(process) / "task";
    std::filesystem::directory_iterator thread{threads, error};
    use.sleeps = !error;
    for (; !error && thread != std::filesystem::directory_iterator{}; thread.increment(error)) {
        use.sleeps = use.sleeps && state_of_thread(thread->path()) == 'S';
    }
    return use;
}

} // namespace vmrunit::runner
