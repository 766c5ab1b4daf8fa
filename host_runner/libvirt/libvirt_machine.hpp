// SPDX-License-Identifier: GPL-2.0-only
// One transient libvirt domain: its folder with what its emulator reads, and the record stream by
// port 0xE9, which the emulator connects to a socket of ours.
#pragma once

#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/libvirt/libvirt_connection.hpp"
#include "host_runner/libvirt/libvirt_end.hpp"
#include "host_runner/targets/target.hpp"

#include <memory>
#include <optional>
#include <string>

namespace vmrunit::runner {

class LibvirtMachine final : public Machine {
public:
    /// Returns when the domain runs and its port is connected; an error if it could not be.
    [[nodiscard]] static Result<std::unique_ptr<LibvirtMachine>>
    start(std::shared_ptr<LibvirtConnection> connection, const LibvirtConfiguration& configuration,
          DomainType type, const BootRequest& request);
    ~LibvirtMachine() override;
    LibvirtMachine(const LibvirtMachine&) = delete;
    LibvirtMachine& operator=(const LibvirtMachine&) = delete;

    ReadOutcome read(std::span<std::byte> into, std::chrono::milliseconds limit) override;
    [[nodiscard]] MachineEnd end() const override { return end_; }
    void stop() override;

    [[nodiscard]] const std::string& domain_name() const { return identity_.name; }
    /// Of the emulator, as the kernel tells it of the process behind the port.
    [[nodiscard]] pid_t process_id() const { return process_id_; }

private:
    using Clock = std::chrono::steady_clock;

    LibvirtMachine(std::shared_ptr<LibvirtConnection> connection, TemporaryFolder folder);
    [[nodiscard]] Result<void> create(const LibvirtConfiguration& configuration, DomainType type,
                                      const DomainFiles& files);
    [[nodiscard]] Result<void> accept_port(const FileDescriptor& listener);
    void subscribe();
    [[nodiscard]] std::size_t take(std::span<std::byte> into);
    void close_port();
    void finish();
    void end_emulator();

    [[nodiscard]] bool is_own(virDomainPtr domain) const;
    static void on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                             void* self);
    static void on_reboot(virConnectPtr connection, virDomainPtr domain, void* self);

    std::shared_ptr<LibvirtConnection> connection_;
    std::optional<TemporaryFolder> folder_;
    DomainIdentity identity_;
    virDomainPtr domain_ = nullptr;
    int lifecycle_subscription_ = -1;
    int reboot_subscription_ = -1;
    FileDescriptor port_;
    int port_watch_ = -1;
    pid_t process_id_ = -1;
    FileDescriptor process_; ///< A pidfd of the emulator.
    LibvirtEvidence evidence_;
    MachineEnd end_;
    bool over_ = false; ///< The domain is gone; there may be bytes of the stream left.
};

} // namespace vmrunit::runner
