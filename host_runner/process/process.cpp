// SPDX-License-Identifier: GPL-2.0-only
// Starting and ending child processes. Between fork and exec only system calls are made: the runner
// may have threads, and no lock of theirs is usable in the child.
#include "host_runner/process/process.hpp"

#include "host_runner/process/find_program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

/// Everything the child needs, prepared before fork.
struct Launch {
    const char* path;
    char* const* arguments;
    const int* sources; ///< Descriptor i of the child is made of sources[i]; -1 is /dev/null.
    int* copies;        ///< Room for as many numbers.
    int count;
    int report; ///< errno of a failure goes here; closes on exec.
    pid_t parent;
    bool dies_with_parent;
};

/// Gives every signal back its default: a handler of the runner's means nothing here, and what the
/// runner ignores or blocks the program may rely on.
void reset_signals() {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) {
        ::sigaction(number, &action, nullptr); // refused for SIGKILL and SIGSTOP, which is fine
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// 0, or errno. Every source is first copied above the range, so that no dup2 overwrites another.
int place_descriptors(const Launch& launch, int& report) {
    const int beyond = launch.count + 1;
    report = ::fcntl(report, F_DUPFD_CLOEXEC, beyond);
    if (report < 0) {
        return errno;
    }
    for (int number = 0; number < launch.count; ++number) {
        const int source = launch.sources[number] >= 0 ? launch.sources[number]
                                                       : ::open("/dev/null", O_RDWR | O_CLOEXEC);
        launch.copies[number] = ::fcntl(source, F_DUPFD_CLOEXEC, beyond);
        if (launch.copies[number] < 0) {
            return errno;
        }
    }
    for (int number = 0; number < launch.count; ++number) {
        if (::dup2(launch.copies[number], number) < 0) {
            return errno;
        }
    }
    const auto first_foreign = static_cast<unsigned>(launch.count);
    return ::close_range(first_foreign, ~0u, CLOSE_RANGE_CLOEXEC) == 0 ? 0 : errno;
}

[[noreturn]] void become(const Launch& launch) {
    int report = launch.report;
    ::setpgid(0, 0);
    int reason = 0;
    if (launch.dies_with_parent && ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        reason = errno;
    }
    // The parent may have died before the kernel knew that we want to hear of it.
    if (launch.dies_with_parent && ::getppid() != launch.parent) {
        ::_exit(127);
    }
    if (reason == 0) {
        reason = place_descriptors(launch, report);
    }
    if (reason == 0) {
        reset_signals();
        ::execv(launch.path, launch.arguments);
        reason = errno;
    }
    static_cast<void>(!::write(report, &reason, sizeof reason));
    ::_exit(127);
}

/// By number: glibc 2.36 declares pidfd_open() without C linkage.
int open_pidfd(pid_t id) {
    return static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
}

/// Blocks every signal while it lives, so that no handler of the runner's runs in the child.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

} // namespace

Result<Process> Process::start(const Command& command) {
    if (command.arguments.empty()) {
        return failure("no program named");
    }
    auto path = find_program(command.arguments.front());
    if (!path) {
        return tl::unexpected(path.error());
    }
    std::vector<char*> arguments;
    for (const auto& argument : command.arguments) {
        arguments.push_back(const_cast<char*>(argument.c_str())); // execv's signature is older
    }
    arguments.push_back(nullptr);
    std::vector<int> sources{command.input, command.output, command.errors};
    sources.insert(sources.end(), command.descriptors.begin(), command.descriptors.end());
    std::vector<int> copies(sources.size(), -1);

    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return failure(with_errno("pipe", errno));
    }
    FileDescriptor report_in{ends[0]};
    FileDescriptor report_out{ends[1]};
    const Launch launch{path->c_str(),
                        arguments.data(),
                        sources.data(),
                        copies.data(),
                        static_cast<int>(sources.size()),
                        report_out.number(),
                        ::getpid(),
                        command.dies_with_parent};
    pid_t id = -1;
    {
        const SignalsBlocked blocked;
        id = ::fork();
        if (id == 0) {
            become(launch);
        }
    }
    if (id < 0) {
        return failure(with_errno("fork", errno));
    }
    report_out.reset();
    ::setpgid(id, id); // as the child does, whoever comes first
    Process process{id, FileDescriptor{open_pidfd(id)}};
    if (!process.descriptor_.is_open()) {
        const int reason = errno;
        ::kill(id, SIGKILL);
        while (::waitpid(id, nullptr, 0) < 0 && errno == EINTR) {
        }
        return failure(with_errno("pidfd_open", reason), "Linux 5.3 or later is needed");
    }
    int reason = 0;
    ssize_t count = 0;
    while ((count = ::read(report_in.number(), &reason, sizeof reason)) < 0 && errno == EINTR) {
    }
    if (count == sizeof reason) {
        return failure(with_errno("cannot execute " + *path, reason));
    }
    return process;
}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        id_ = other.id_;
        descriptor_ = std::move(other.descriptor_);
        status_ = other.status_;
    }
    return *this;
}

std::optional<ProcessStatus> Process::wait_for(std::chrono::milliseconds limit) {
    if (!descriptor_.is_open()) {
        return status_;
    }
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto rest = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd ended{descriptor_.number(), POLLIN, 0};
        if (::poll(&ended, 1, static_cast<int>(std::max<long>(rest.count(), 0))) > 0) {
            return collect();
        }
        if (rest.count() <= 0) {
            return std::nullopt;
        }
    }
}

ProcessStatus Process::terminate(std::chrono::milliseconds grace) {
    if (descriptor_.is_open()) {
        ::kill(-id_, SIGTERM);
        static_cast<void>(wait_for(grace));
    }
    return kill();
}

ProcessStatus Process::kill() {
    if (descriptor_.is_open()) {
        ::kill(-id_, SIGKILL);
        return collect();
    }
    return status_;
}

// The group is killed before its leader is collected: until then nobody else can get its number.
ProcessStatus Process::collect() {
    siginfo_t info{};
    while (::waitid(P_PIDFD, static_cast<id_t>(descriptor_.number()), &info, WEXITED | WNOWAIT) !=
               0 &&
           errno == EINTR) {
    }
    ::kill(-id_, SIGKILL);
    while (::waitid(P_PIDFD, static_cast<id_t>(descriptor_.number()), &info, WEXITED) != 0 &&
           errno == EINTR) {
    }
    status_ = info.si_code == CLD_EXITED ? ProcessStatus{.code = info.si_status}
                                         : ProcessStatus{.signal = info.si_status};
    descriptor_.reset();
    return status_;
}

} // namespace vmrunit::runner
