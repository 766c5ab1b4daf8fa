// SPDX-License-Identifier: GPL-2.0-only
#include "tests/libvirt/private_libvirt.hpp"

#include "host_runner/process/find_program.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;
constexpr int ready_limit = 120'000; // ms; a second on an idle machine
constexpr std::chrono::milliseconds stop_limit{20'000};

/// /usr/sbin is not in everybody's PATH.
std::string daemon_path(const std::string& name) {
    if (const auto found = find_program(name)) {
        return *found;
    }
    return "/usr/sbin/" + name;
}

} // namespace

std::string PrivateLibvirt::what_is_missing() {
    for (const char* name : {"libvirtd", "virtlogd"}) {
        if (::access(daemon_path(name).c_str(), X_OK) != 0) {
            return std::string{"no "} + name + ": apt install libvirt-daemon";
        }
    }
    if (const auto qemu = find_program("qemu-system-x86_64"); !qemu) {
        return qemu.error().what;
    }
    return {};
}

std::string PrivateLibvirt::uri() const {
    return "qemu:///session?socket=" + (folder_ / "run/libvirt/libvirt-sock").string();
}

Result<void> PrivateLibvirt::start() {
    ::setenv("XDG_RUNTIME_DIR", (folder_ / "run").c_str(), 1);
    for (const char* name : {"HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"}) {
        ::setenv(name, (folder_ / "home").c_str(), 1);
    }
    for (const auto& path : {folder_ / "run", folder_ / "home"}) {
        std::error_code error;
        fs::create_directories(path, error);
        if (::geteuid() == 0 && ::chown(path.c_str(), nobody, nobody) != 0) {
            return failure(with_errno("chown " + path.string(), errno));
        }
    }
    for (auto& [name, process] : {std::pair{"virtlogd", &virtlogd_}, {"libvirtd", &libvirtd_}}) {
        auto started = start_daemon(name);
        if (!started) {
            return tl::unexpected(started.error());
        }
        *process = std::move(*started);
    }
    return {};
}

/// The daemons tell when they are ready as they would tell systemd: "READY=1" to a socket.
Result<Process> PrivateLibvirt::start_daemon(const std::string& program) const {
    const auto path = (folder_ / (program + ".ready")).string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ::unlink(path.c_str());
    const FileDescriptor ready{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (::bind(ready.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), 0666) != 0) {
        return failure(with_errno("cannot listen at " + path, errno));
    }
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    Command command;
    if (::geteuid() == 0) {
        command.arguments = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                             "--pdeathsig=KILL"};
    }
    command.arguments.push_back(daemon_path(program));
    auto process = Process::start(command);
    ::unsetenv("NOTIFY_SOCKET");
    if (!process) {
        return tl::unexpected(process.error());
    }
    std::array<pollfd, 2> sources{
        {{ready.number(), POLLIN, 0}, {process->descriptor(), POLLIN, 0}}};
    ::poll(sources.data(), sources.size(), ready_limit);
    if ((sources[0].revents & POLLIN) == 0) {
        return failure(program + (sources[1].revents != 0 ? " ended at once" : " is not ready"));
    }
    return process;
}

void PrivateLibvirt::stop() {
    for (auto* process : {&libvirtd_, &virtlogd_}) {
        if (*process) {
            (*process)->terminate(stop_limit);
            process->reset();
        }
    }
}

void PrivateLibvirt::kill_libvirtd() {
    libvirtd_->kill();
    libvirtd_.reset();
}

} // namespace vmrunit::runner
