// SPDX-License-Identifier: GPL-2.0-only
// The domain that libvirt is asked for, and what libvirt says a domain can be. XML in and out, no
// connection.
#pragma once

#include "host_runner/error.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::runner {

/// libvirt's word for what executes the guest.
enum class DomainType : std::uint8_t { qemu, kvm };

[[nodiscard]] constexpr const char* to_string(DomainType type) {
    return type == DomainType::kvm ? "kvm" : "qemu";
}

struct LibvirtConfiguration {
    std::string uri;                ///< "qemu:///system"
    std::optional<DomainType> type; ///< Nothing: kvm where it has SVM for guests, else qemu.
    std::string machine = "q35";
    std::string cpu; ///< A model of libvirt; empty: all that the domain's type can give.
    std::vector<std::pair<std::string, bool>> features; ///< By libvirt's names; SVM is on anyway.
    unsigned cpus = 2;
    unsigned memory_mebibytes = 64;
};

/// Files that the emulator opens, by paths that it can reach as whichever user it runs.
struct DomainFiles {
    std::filesystem::path kernel;
    std::filesystem::path initrd; ///< Empty: none.
    std::filesystem::path port;   ///< The socket that it connects port 0xE9 to.
};

/// Names are used again, so events are told apart by the UUID.
struct DomainIdentity {
    std::string name;
    std::string uuid; ///< Empty: libvirt makes one up.
};

/// A transient domain that ends where it would reboot.
[[nodiscard]] std::string domain_xml(const LibvirtConfiguration& configuration, DomainType type,
                                     const DomainIdentity& identity, const DomainFiles& files);

/// What matters of virConnectGetDomainCapabilities.
struct DomainOffer {
    std::vector<std::string> models; ///< Names of CPU models.
    std::string host_cpu; ///< <cpu> for virConnectBaselineHypervisorCPU; empty: none can be had.
};

[[nodiscard]] Result<DomainOffer> read_domain_capabilities(std::string_view xml);

/// Does this <cpu> have the feature? As virConnectBaselineHypervisorCPU expands it.
[[nodiscard]] bool cpu_has(std::string_view cpu_xml, std::string_view feature);

} // namespace vmrunit::runner
