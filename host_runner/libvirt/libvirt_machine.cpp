// SPDX-License-Identifier: GPL-2.0-only
// See libvirt_machine.hpp.
//
// A system daemon runs the emulator as a user of its own and hands files that a domain names over
// to that user: so it gets copies, in a folder that anybody can enter who knows its name.
#include "host_runner/libvirt/libvirt_machine.hpp"

#include "host_runner/files/memory_file.hpp"
#include "host_runner/report/output.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <libvirt/virterror.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace vmrunit::runner {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// The emulator is connected when libvirt says that the domain runs.
constexpr milliseconds connect_limit{5'000};
// Between the end of the emulator's line and libvirt's word on how it ended.
constexpr milliseconds last_event_limit{5'000};
// Names are used again, for libvirt keeps a log for each.
constexpr unsigned most_domains = 256;

Result<void> copy_for_anybody(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::copy_file(from, to, error);
    if (!error) {
        fs::permissions(to, fs::perms{0644}, error);
    }
    if (error) {
        return failure("cannot copy " + from.string() + " to " + to.string() + ": " +
                       error.message());
    }
    return {};
}

Result<DomainFiles> write_files(const fs::path& folder, const BootRequest& request) {
    DomainFiles files{folder / "payload", {}, folder / "port"};
    std::error_code error;
    fs::permissions(folder, fs::perms{0711}, error);
    if (auto copied = copy_for_anybody(request.image, files.kernel); !copied) {
        return tl::unexpected(copied.error());
    }
    if (!request.plan.empty()) {
        files.initrd = folder / "plan";
        const std::string_view text{reinterpret_cast<const char*>(request.plan.data()),
                                    request.plan.size()};
        if (auto trouble = write_whole_file(files.initrd, text)) {
            return tl::unexpected(*trouble);
        }
        fs::permissions(files.initrd, fs::perms{0644}, error);
    }
    if (error) {
        return failure("cannot prepare " + folder.string() + ": " + error.message());
    }
    return files;
}

/// Nobody but the emulator knows the path, and only the first to connect is listened to.
Result<FileDescriptor> listen_at(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto text = path.string();
    if (text.size() >= sizeof address.sun_path) {
        return failure("the path of a socket is too long: " + text, "set TMPDIR to a shorter one");
    }
    std::memcpy(address.sun_path, text.data(), text.size());
    FileDescriptor listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    if (!listener.is_open() || ::bind(listener.number(), generic, sizeof address) != 0 ||
        ::chmod(text.c_str(), 0666) != 0 || ::listen(listener.number(), 1) != 0) {
        return failure(with_errno("cannot listen at " + text, errno));
    }
    return listener;
}

} // namespace

Result<std::unique_ptr<LibvirtMachine>>
LibvirtMachine::start(std::shared_ptr<LibvirtConnection> connection,
                      const LibvirtConfiguration& configuration, DomainType type,
                      const BootRequest& request) {
    if (request.ring_size != 0) {
        return failure("libvirt shares no memory: records travel by port 0xE9");
    }
    auto folder = TemporaryFolder::create();
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    const auto files = write_files(folder->path(), request);
    if (!files) {
        return tl::unexpected(files.error());
    }
    const auto listener = listen_at(files->port);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    std::unique_ptr<LibvirtMachine> machine{
        new LibvirtMachine{std::move(connection), std::move(*folder)}};
    std::getline(std::ifstream{"/proc/sys/kernel/random/uuid"}, machine->identity_.uuid);
    machine->subscribe();
    if (auto created = machine->create(configuration, type, *files); !created) {
        return tl::unexpected(created.error());
    }
    if (auto accepted = machine->accept_port(*listener); !accepted) {
        return tl::unexpected(accepted.error());
    }
    return machine;
}

LibvirtMachine::LibvirtMachine(std::shared_ptr<LibvirtConnection> connection,
                               TemporaryFolder folder)
    : connection_{std::move(connection)}, folder_{std::move(folder)} {}

LibvirtMachine::~LibvirtMachine() {
    stop();
    close_port();
}

void LibvirtMachine::subscribe() {
    // Of all domains, for the domain does not exist yet: nothing that it does may be missed.
    lifecycle_subscription_ = virConnectDomainEventRegisterAny(
        connection_->handle(), nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
        VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), this, nullptr);
    reboot_subscription_ =
        virConnectDomainEventRegisterAny(connection_->handle(), nullptr, VIR_DOMAIN_EVENT_ID_REBOOT,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_reboot), this, nullptr);
}

Result<void> LibvirtMachine::create(const LibvirtConfiguration& configuration, DomainType type,
                                    const DomainFiles& files) {
    for (unsigned number = 1; number <= most_domains; ++number) {
        identity_.name = fmt::format("vmrunit-{}", number);
        if (virDomain* const known =
                virDomainLookupByName(connection_->handle(), identity_.name.c_str())) {
            virDomainFree(known);
            continue;
        }
        const auto xml = domain_xml(configuration, type, identity_, files);
        domain_ = virDomainCreateXML(connection_->handle(), xml.c_str(),
                                     VIR_DOMAIN_START_AUTODESTROY | VIR_DOMAIN_START_VALIDATE);
        if (domain_ != nullptr) {
            return {};
        }
        // Somebody else may have taken the name meanwhile; it is free no longer then.
        auto error = failure(with_libvirt_error("libvirt did not start the domain"));
        virDomain* const taken =
            virDomainLookupByName(connection_->handle(), identity_.name.c_str());
        if (taken == nullptr) {
            return error;
        }
        virDomainFree(taken);
    }
    return failure(fmt::format("all names up to vmrunit-{} are taken", most_domains),
                   "virsh list shows these domains, virsh destroy ends one");
}

Result<void> LibvirtMachine::accept_port(const FileDescriptor& listener) {
    pollfd source{listener.number(), POLLIN, 0};
    ::poll(&source, 1, static_cast<int>(connect_limit.count()));
    port_ = FileDescriptor{
        ::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!port_.is_open()) {
        return failure(with_errno("the domain's emulator did not connect its port", errno));
    }
    port_watch_ = LibvirtConnection::watch(port_.number());
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(port_.number(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        process_id_ = peer.pid;
        process_ = FileDescriptor{static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0))};
    }
    return {};
}

bool LibvirtMachine::is_own(virDomainPtr domain) const {
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
    return virDomainGetUUIDString(domain, uuid.data()) == 0 && identity_.uuid == uuid.data();
}

void LibvirtMachine::on_lifecycle(virConnectPtr /*connection*/, virDomainPtr domain, int event,
                                  int detail, void* self) {
    auto& machine = *static_cast<LibvirtMachine*>(self);
    const bool begins = event == VIR_DOMAIN_EVENT_STARTED || event == VIR_DOMAIN_EVENT_RESUMED ||
                        event == VIR_DOMAIN_EVENT_DEFINED || event == VIR_DOMAIN_EVENT_UNDEFINED;
    // An emulator that was told to end: why it was is the next event.
    const bool tells_nothing =
        event == VIR_DOMAIN_EVENT_SHUTDOWN && detail == VIR_DOMAIN_EVENT_SHUTDOWN_HOST;
    if (machine.is_own(domain) && !begins && !tells_nothing && !machine.evidence_.last) {
        machine.evidence_.last = {event, detail};
    }
}

void LibvirtMachine::on_reboot(virConnectPtr /*connection*/, virDomainPtr domain, void* self) {
    auto& machine = *static_cast<LibvirtMachine*>(self);
    if (machine.is_own(domain)) {
        machine.evidence_.reset = true;
    }
}

ReadOutcome LibvirtMachine::read(std::span<std::byte> into, milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        const bool was_over = over_; // what is taken after this is all there will be
        if (const auto count = take(into); count != 0) {
            return {.bytes = count};
        }
        if (was_over) {
            return {.ended = true};
        }
        if (evidence_.reset || evidence_.last || connection_->lost() || !port_.is_open()) {
            finish();
            continue;
        }
        const auto rest = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (rest.count() <= 0) {
            return {};
        }
        LibvirtConnection::wait(port_watch_, rest);
    }
}

std::size_t LibvirtMachine::take(std::span<std::byte> into) {
    if (!port_.is_open() || into.empty()) {
        return 0;
    }
    ssize_t count = 0;
    do {
        count = ::read(port_.number(), into.data(), into.size());
    } while (count < 0 && errno == EINTR);
    if (count == 0 || (count < 0 && errno != EAGAIN)) {
        close_port();
    }
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void LibvirtMachine::close_port() {
    if (port_watch_ >= 0) {
        virEventRemoveHandle(std::exchange(port_watch_, -1));
    }
    port_.reset();
}

void LibvirtMachine::stop() {
    if (!over_) {
        evidence_.stopped_by_runner = port_.is_open();
        finish();
    }
}

void LibvirtMachine::finish() {
    if (over_) {
        return;
    }
    // A line that has ended without a word: libvirt is about to say why.
    const auto deadline = Clock::now() + last_event_limit;
    while (domain_ != nullptr && !port_.is_open() && !evidence_.reset && !evidence_.last &&
           !connection_->lost() && Clock::now() < deadline) {
        LibvirtConnection::wait(-1, std::chrono::ceil<milliseconds>(deadline - Clock::now()));
    }
    evidence_.connection_lost = connection_->lost();
    end_ = conclude(evidence_);
    for (const int subscription : {lifecycle_subscription_, reboot_subscription_}) {
        if (subscription >= 0) {
            virConnectDomainEventDeregisterAny(connection_->handle(), subscription);
        }
    }
    if (domain_ != nullptr) {
        virDomainDestroy(domain_); // fails where it is gone already
        virDomainFree(domain_);
        domain_ = nullptr;
    }
    end_emulator();
    folder_.reset();
    over_ = true;
}

/// The daemon has done it, unless it is gone itself: then nobody else would.
void LibvirtMachine::end_emulator() {
    if (process_.is_open() && connection_->lost()) {
        ::syscall(SYS_pidfd_send_signal, process_.number(), SIGKILL, nullptr, 0);
    }
    process_.reset();
}

} // namespace vmrunit::runner
