// SPDX-License-Identifier: GPL-2.0-only
// A connection to a libvirt daemon, with events. libvirt's own event loop is run while somebody
// waits (wait()), so there is no thread.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/libvirt/libvirt_domain.hpp"

#include <chrono>
#include <libvirt/libvirt.h>
#include <memory>
#include <string>

namespace vmrunit::runner {

class LibvirtConnection {
public:
    [[nodiscard]] static Result<std::shared_ptr<LibvirtConnection>> open(const std::string& uri);
    ~LibvirtConnection();
    LibvirtConnection(const LibvirtConnection&) = delete;
    LibvirtConnection& operator=(const LibvirtConnection&) = delete;

    [[nodiscard]] virConnectPtr handle() const { return connection_; }
    /// The daemon has gone.
    [[nodiscard]] bool lost() const { return lost_; }

    /// "9.0.0", of the daemon; "7.2.22", of its emulator.
    [[nodiscard]] std::string library_version() const;
    [[nodiscard]] std::string emulator_version() const;
    [[nodiscard]] Result<DomainOffer> ask_offer(DomainType type, const std::string& machine) const;
    /// Has the best CPU that this type can give SVM? An error says why nobody knows.
    [[nodiscard]] Result<bool> offers_svm(DomainType type, const std::string& machine) const;
    /// Would libvirt make an emulator's command line of this domain?
    [[nodiscard]] Result<void> check_domain(const std::string& xml) const;

    /// Has the event loop watch a descriptor while somebody waits for it; the number is for wait()
    /// and virEventRemoveHandle().
    [[nodiscard]] static int watch(int descriptor);
    /// Runs libvirt's event loop until something happened: an event, bytes on what is watched (-1:
    /// nothing is), or `limit`.
    static void wait(int watch, std::chrono::milliseconds limit);

private:
    explicit LibvirtConnection(virConnectPtr connection) : connection_{connection} {}

    virConnectPtr connection_;
    bool lost_ = false;
};

/// "WHAT: libvirt's last words".
[[nodiscard]] std::string with_libvirt_error(const std::string& what);

} // namespace vmrunit::runner
