// SPDX-License-Identifier: GPL-2.0-only
// A libvirtd and a virtlogd of the test's own: unprivileged, with all their files in one folder,
// and gone with it. Root runs them as nobody, for root's libvirtd would use the system's folders.
#pragma once

#include "host_runner/process/process.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace vmrunit::runner {

class PrivateLibvirt {
public:
    /// Points this process's environment at `folder`, which must be empty.
    explicit PrivateLibvirt(std::filesystem::path folder) : folder_{std::move(folder)} {}

    /// Why there can be none here; empty if there can.
    [[nodiscard]] static std::string what_is_missing();
    /// Returns when both are ready.
    [[nodiscard]] Result<void> start();
    /// SIGTERM to both, and SIGKILL to what does not go.
    void stop();
    /// As a crash would end it.
    void kill_libvirtd();

    /// For a target: "qemu:///session?socket=..."
    [[nodiscard]] std::string uri() const;

private:
    [[nodiscard]] Result<Process> start_daemon(const std::string& program) const;

    std::filesystem::path folder_;
    std::optional<Process> virtlogd_;
    std::optional<Process> libvirtd_;
};

} // namespace vmrunit::runner
