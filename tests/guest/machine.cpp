// SPDX-License-Identifier: GPL-2.0-only
// Starting, watching and ending of emulators for the guest library's tests.

#include "tests/guest/machine.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace vmrunit::guest_test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error{error, std::generic_category(), what};
}

class Pipe {
public:
    Pipe() {
        if (pipe2(ends_.data(), O_CLOEXEC) != 0)
            fail(errno, "pipe");
    }
    ~Pipe() {
        close(ends_[0]);
        close_writer();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    [[nodiscard]] int reader() const { return ends_[0]; }
    [[nodiscard]] int writer() const { return ends_[1]; }
    void close_writer() {
        if (ends_[1] >= 0)
            close(ends_[1]);
        ends_[1] = -1;
    }

private:
    std::array<int, 2> ends_{-1, -1};
};

class Child {
public:
    Child(const std::vector<std::string>& command, int output, int errors) {
        std::vector<char*> arguments;
        for (const std::string& argument : command)
            arguments.push_back(const_cast<char*>(argument.c_str()));
        arguments.push_back(nullptr);

        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, output, 1);
        posix_spawn_file_actions_adddup2(&actions, errors, 2);
        const int error =
            posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (error != 0)
            fail(error, "cannot start " + command.at(0) + " (is its package installed?)");
    }
    ~Child() {
        if (pid_ > 0)
            end();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    int wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0) {
            if (errno != EINTR)
                fail(errno, "waitpid");
        }
        pid_ = -1;
        return status;
    }
    int end() {
        kill(pid_, SIGKILL);
        return wait();
    }

private:
    pid_t pid_ = -1;
};

// False at the end of the stream.
bool read_some(int from, std::string& to) {
    std::array<char, 4096> buffer;
    const ssize_t count = read(from, buffer.data(), buffer.size());
    if (count < 0 && errno != EINTR)
        fail(errno, "read");
    if (count > 0)
        to.append(buffer.data(), static_cast<std::size_t>(count));
    return count != 0;
}

bool has_line(const std::string& text, const std::string& line) {
    return text.starts_with(line) || text.find('\n' + line) != std::string::npos;
}

} // namespace

Output run_until_end(const std::vector<std::string>& command, std::chrono::milliseconds deadline,
                     const std::string& end) {
    Output output{};
    Pipe text;
    Pipe errors;
    Child child{command, text.writer(), errors.writer()};
    text.close_writer();
    errors.close_writer();

    const Clock::time_point limit = Clock::now() + deadline;
    std::array<pollfd, 2> watched{{{text.reader(), POLLIN, 0}, {errors.reader(), POLLIN, 0}}};
    while (watched[0].fd >= 0 || watched[1].fd >= 0) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(limit - Clock::now()).count();
        if (left <= 0) {
            output.timed_out = true;
            output.exit_status = child.end();
            return output;
        }
        if (poll(watched.data(), watched.size(), static_cast<int>(left)) < 0 && errno != EINTR)
            fail(errno, "poll");
        if (watched[0].revents != 0 && !read_some(text.reader(), output.text))
            watched[0].fd = -1;
        if (watched[1].revents != 0 && !read_some(errors.reader(), output.errors))
            watched[1].fd = -1;
        if (has_line(output.text, end)) {
            output.reached_end = true;
            output.exit_status = child.end();
            return output;
        }
    }
    output.exit_status = child.wait();
    return output;
}

std::filesystem::path payload(const std::string& name) {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / (name + "_payload.elf");
}

std::vector<std::string> qemu(const std::string& cpu, const std::vector<std::string>& more) {
    std::vector<std::string> command{"qemu-system-x86_64",
                                     "-accel",
                                     "tcg",
                                     "-cpu",
                                     cpu,
                                     "-m",
                                     "64",
                                     "-nodefaults",
                                     "-display",
                                     "none",
                                     "-no-user-config",
                                     "-no-reboot",
                                     "-debugcon",
                                     "stdio"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
}

TemporaryFolder::TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "vmrunit-test-XXXXXX").string();
    if (!mkdtemp(name.data()))
        fail(errno, "mkdtemp");
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryFolder::write(const std::string& name,
                                             const std::string& content) const {
    std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream{file, std::ios::binary};
    stream << content;
    stream.close();
    if (!stream)
        throw std::runtime_error{"cannot write " + file.string()};
    return file;
}

Report parse_report(const std::string& text) {
    Report report;
    Table* table = &report[""];
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos)
            continue;
        const std::string name{line.substr(0, equals)};
        const std::string value{line.substr(equals + 1)};
        if (name == "case")
            table = &report[value];
        else
            (*table)[name] = value;
    }
    return report;
}

} // namespace vmrunit::guest_test
