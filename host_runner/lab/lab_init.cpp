// SPDX-License-Identifier: GPL-2.0-only
// The first process of a lab machine, and the only one but for the worker: there is no shell and no
// other program in its initramfs. It carries out /steps, one line each, and says what happens by
// /dev/kmsg, so that its words stand in the kernel's log, in order with those of the kernel.
//
//     write PATH VALUE        as `echo VALUE > PATH`; that it cannot is only noted
//     insert PATH PARAMETERS  loads a module
//     require PATH            a file that must be there by now
//     run PROGRAM ARGUMENT... starts it and passes on what it prints; its end is the machine's
//
// Static and small: a lab kernel unpacks it under emulation.
#include "host_runner/lab/lab_words.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace vmrunit;

int log_line = -1;

/// One line of the kernel's log, at a level that every console shows.
void say(std::string_view word, std::string_view text) {
    constexpr std::size_t most = 900; // longer ones the kernel refuses
    std::string line = "<1>";
    line += lab::prefix;
    line += word;
    line += ' ';
    line += text.substr(0, most);
    line += '\n';
    static_cast<void>(!::write(log_line, line.data(), line.size()));
}

[[noreturn]] void power_off() {
    ::sync();
    ::reboot(RB_POWER_OFF);
    for (;;) { // a machine that cannot be switched off: who runs it has read why
        ::pause();
    }
}

[[noreturn]] void fail(const std::string& text) {
    say(lab::word_error, text);
    power_off();
}

std::string with_reason(const std::string& text, int reason) {
    return text + ": " + std::strerror(reason);
}

void mount_one(const char* type, const char* where) {
    if (::mount(type, where, type, 0, nullptr) != 0 && errno != EBUSY) {
        say(lab::word_note, with_reason(std::string{"mount of "} + where, errno));
    }
}

std::string read_steps() {
    std::string text;
    const int file = ::open("/steps", O_RDONLY | O_CLOEXEC);
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::read(file, buffer.data(), buffer.size())) > 0;) {
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    ::close(file);
    return text;
}

std::string take_word(std::string_view& line) {
    const auto end = std::min(line.find(' '), line.size());
    std::string word{line.substr(0, end)};
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

void write_value(const std::string& path, std::string_view value) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0 || ::write(file, value.data(), value.size()) < 0) {
        say(lab::word_note, with_reason("write to " + path, errno));
    }
    ::close(file);
}

void insert_module(const std::string& path, std::string_view parameters) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 || ::syscall(SYS_finit_module, file, std::string{parameters}.c_str(), 0) != 0) {
        fail(with_reason("cannot load " + path.substr(path.rfind('/') + 1), errno));
    }
    ::close(file);
}

std::string how_it_ended(int status) {
    return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                               : "exit status " + std::to_string(WEXITSTATUS(status));
}

/// What the program prints belongs to nobody's protocol: its errors, before it has opened a
/// channel.
void pass_on(std::string& text) {
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;) {
        say(lab::word_says, text.substr(0, end));
        text.erase(0, end + 1);
    }
}

[[noreturn]] void run(std::string_view line) {
    std::vector<std::string> words;
    while (!line.empty()) {
        words.push_back(take_word(line));
    }
    std::vector<char*> arguments;
    for (auto& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        fail(with_reason("pipe", errno));
    }
    const pid_t child = ::fork();
    if (child == 0) {
        const int nothing = ::open("/dev/null", O_RDWR);
        ::dup2(nothing, STDIN_FILENO);
        ::dup2(ends[1], STDOUT_FILENO);
        ::dup2(ends[1], STDERR_FILENO);
        ::execv(arguments.front(), arguments.data());
        const auto reason = with_reason("cannot execute " + words.front(), errno) + "\n";
        static_cast<void>(!::write(STDERR_FILENO, reason.data(), reason.size()));
        ::_exit(127);
    }
    ::close(ends[1]);
    say(lab::word_running, words.front());
    std::string text;
    std::array<char, 1024> buffer{};
    for (ssize_t count = 0; (count = ::read(ends[0], buffer.data(), buffer.size())) > 0 ||
                            (count < 0 && errno == EINTR);) {
        text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        pass_on(text);
    }
    if (!text.empty()) {
        pass_on(text += '\n');
    }
    for (;;) { // orphans come here too
        int status = 0;
        const pid_t ended = ::waitpid(-1, &status, 0);
        if (ended == child || (ended < 0 && errno == ECHILD)) {
            say(lab::word_ended, ended == child ? how_it_ended(status) : "unknown");
            power_off();
        }
    }
}

void carry_out(std::string_view line) {
    const auto word = take_word(line);
    if (word == "run") {
        run(line);
    }
    const auto path = take_word(line);
    if (word == "write") {
        write_value(path, line);
    } else if (word == "insert") {
        insert_module(path, line);
    } else if (word == "require") {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) {
            fail(with_reason(path, errno));
        }
    } else {
        fail("step '" + word + "'");
    }
}

} // namespace

int main() {
    mount_one("devtmpfs", "/dev");
    mount_one("proc", "/proc");
    mount_one("sysfs", "/sys");
    log_line = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (log_line < 0) {
        log_line = ::open("/dev/console", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    }
    const auto steps = read_steps();
    std::string_view rest{steps};
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        carry_out(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    fail("no step runs anything");
}
