// SPDX-License-Identifier: GPL-2.0-only
// Works out how a libvirt domain ended, from the events libvirt sent. Data in, data out.
#pragma once

#include "host_runner/targets/target.hpp"

#include <optional>
#include <string>

namespace vmrunit::runner {

/// What is known when a domain is over. Numbers are those of libvirt's lifecycle events.
struct LibvirtEvidence {
    struct Lifecycle {
        int event = -1;
        int detail = -1;
    };
    bool reset = false;              ///< The REBOOT event: the guest reset itself.
    std::optional<Lifecycle> last{}; ///< The first lifecycle event after its start.
    bool connection_lost = false;
    bool stopped_by_runner = false;
};

[[nodiscard]] MachineEnd conclude(const LibvirtEvidence& evidence);

} // namespace vmrunit::runner
