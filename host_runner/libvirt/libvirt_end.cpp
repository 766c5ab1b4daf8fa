// SPDX-License-Identifier: GPL-2.0-only
// See libvirt_end.hpp.
#include "host_runner/libvirt/libvirt_end.hpp"

#include <libvirt/libvirt.h>

namespace vmrunit::runner {

namespace {

using How = MachineEnd::How;

MachineEnd conclude_stopped(int detail) {
    switch (detail) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
        // An emulator that is not to reboot calls a reset a shutdown.
        return {How::triple_fault, "triple fault, reset or power-off by the guest"};
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
        return {How::lost, "the domain was destroyed, and not by the runner"};
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
        return {How::internal_error, "the domain crashed, says libvirt"};
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
        return {How::emulator_died, "the domain's emulator died, says libvirt"};
    default:
        return {How::lost, "the domain stopped (libvirt's detail " + std::to_string(detail) + ")"};
    }
}

} // namespace

MachineEnd conclude(const LibvirtEvidence& evidence) {
    if (evidence.reset) {
        return {How::triple_fault, "triple fault or reset by the guest"};
    }
    if (evidence.last) {
        const auto [event, detail] = *evidence.last;
        switch (event) {
        case VIR_DOMAIN_EVENT_STOPPED:
            return conclude_stopped(detail);
        case VIR_DOMAIN_EVENT_SHUTDOWN:
            return conclude_stopped(VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
        case VIR_DOMAIN_EVENT_CRASHED:
            return conclude_stopped(VIR_DOMAIN_EVENT_STOPPED_CRASHED);
        case VIR_DOMAIN_EVENT_SUSPENDED:
            return {How::internal_error,
                    "the domain was paused (libvirt's detail " + std::to_string(detail) + ")"};
        default:
            break;
        }
    }
    if (evidence.connection_lost) {
        return {How::lost, "the connection to libvirt broke"};
    }
    if (evidence.stopped_by_runner) {
        return {How::finished, "stopped by the runner"};
    }
    return {How::emulator_died, "the domain's emulator closed its port, and libvirt says nothing"};
}

} // namespace vmrunit::runner
