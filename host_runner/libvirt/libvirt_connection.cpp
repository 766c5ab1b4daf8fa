// SPDX-License-Identifier: GPL-2.0-only
// See libvirt_connection.hpp.
#include "host_runner/libvirt/libvirt_connection.hpp"

#include "host_runner/process/text_tail.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <libvirt/virterror.h>

namespace vmrunit::runner {

namespace {

/// libvirt counts 1000000 * major + 1000 * minor + release.
std::string version_text(unsigned long version) {
    return fmt::format("{}.{}.{}", version / 1'000'000, version / 1000 % 1000, version % 1000);
}

struct FreeText {
    void operator()(char* text) const { std::free(text); } // as libvirt's callers do
};
using Text = std::unique_ptr<char, FreeText>;

void note_closed(virConnectPtr /*connection*/, int /*reason*/, void* lost) {
    *static_cast<bool*>(lost) = true;
}

/// One for the process, off until somebody waits.
int timer() {
    static const int made = virEventAddTimeout(
        -1, [](int, void*) {}, nullptr, nullptr);
    return made;
}

void start_events_once() {
    static const bool started = [] {
        virSetErrorFunc(nullptr, [](void*, virErrorPtr) {}); // else it prints by itself
        return virEventRegisterDefaultImpl() == 0;
    }();
    static_cast<void>(started);
}

} // namespace

std::string with_libvirt_error(const std::string& what) {
    return what + ": " + printable(virGetLastErrorMessage());
}

Result<std::shared_ptr<LibvirtConnection>> LibvirtConnection::open(const std::string& uri) {
    start_events_once();
    virConnect* const handle = virConnectOpen(uri.c_str());
    if (handle == nullptr) {
        return failure(with_libvirt_error("no connection to libvirt at " + uri),
                       "apt install libvirt-daemon-system and start libvirtd");
    }
    std::shared_ptr<LibvirtConnection> made{new LibvirtConnection{handle}};
    virConnectRegisterCloseCallback(handle, note_closed, &made->lost_, nullptr);
    return made;
}

LibvirtConnection::~LibvirtConnection() {
    virConnectUnregisterCloseCallback(connection_, note_closed);
    virConnectClose(connection_);
}

std::string LibvirtConnection::library_version() const {
    unsigned long version = 0;
    return virConnectGetLibVersion(connection_, &version) == 0 ? version_text(version) : "unknown";
}

std::string LibvirtConnection::emulator_version() const {
    unsigned long version = 0;
    return virConnectGetVersion(connection_, &version) == 0 ? version_text(version) : "unknown";
}

Result<DomainOffer> LibvirtConnection::ask_offer(DomainType type,
                                                 const std::string& machine) const {
    const Text xml{virConnectGetDomainCapabilities(connection_, nullptr, "x86_64", machine.c_str(),
                                                   to_string(type), 0)};
    if (!xml) {
        return failure(with_libvirt_error(std::string{"no domains of type "} + to_string(type)));
    }
    return read_domain_capabilities(xml.get());
}

Result<bool> LibvirtConnection::offers_svm(DomainType type, const std::string& machine) const {
    const auto offer = ask_offer(type, machine);
    if (!offer) {
        return tl::unexpected(offer.error());
    }
    if (offer->host_cpu.empty()) {
        return failure(std::string{"libvirt knows no CPU model for domains of type "} +
                       to_string(type));
    }
    const char* cpus[] = {offer->host_cpu.c_str()};
    const Text expanded{virConnectBaselineHypervisorCPU(connection_, nullptr, "x86_64",
                                                        machine.c_str(), to_string(type), cpus, 1,
                                                        VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES)};
    if (!expanded) {
        return failure(with_libvirt_error("the features of this host's CPU are not known"));
    }
    return cpu_has(expanded.get(), "svm");
}

Result<void> LibvirtConnection::check_domain(const std::string& xml) const {
    const Text native{virConnectDomainXMLToNative(connection_, "qemu-argv", xml.c_str(), 0)};
    if (!native) {
        return failure(printable(virGetLastErrorMessage()));
    }
    return {};
}

void LibvirtConnection::wait(int watch, std::chrono::milliseconds limit) {
    // Adding and removing wake libvirt's loop at once, again and again; switching on and off does
    // not.
    if (watch >= 0) {
        virEventUpdateHandle(watch, VIR_EVENT_HANDLE_READABLE);
    }
    virEventUpdateTimeout(timer(), static_cast<int>(limit.count()));
    virEventRunDefaultImpl();
    virEventUpdateTimeout(timer(), -1);
    if (watch >= 0) {
        virEventUpdateHandle(watch, 0);
    }
}

int LibvirtConnection::watch(int descriptor) {
    const auto on_bytes = [](int, int, int, void*) {};
    return virEventAddHandle(descriptor, 0, on_bytes, nullptr, nullptr);
}

} // namespace vmrunit::runner
