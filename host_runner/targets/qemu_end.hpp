// SPDX-License-Identifier: GPL-2.0-only
// Works out how a QEMU machine ended, from everything QEMU left behind. Data in, data out.
#pragma once

#include "host_runner/process/process_status.hpp"
#include "host_runner/targets/target.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace vmrunit::runner {

/// What is known when a QEMU machine is over. Texts come from a process that a hostile guest may
/// have taken over. (Every member has an initializer so that tests may name only some.)
struct QemuEvidence {
    std::optional<std::string> shutdown_reason{}; ///< Of the monitor's SHUTDOWN event.
    std::optional<std::string> run_state{}; ///< Why it stopped, if it stopped without SHUTDOWN.
    std::optional<ProcessStatus>
        exit_status{};        ///< If the process ended before the runner ended it.
    std::string registers{};  ///< "info registers" of the monitor.
    std::string errors{};     ///< End of QEMU's standard error.
    std::string log{};        ///< End of its log of CPU resets.
    std::string guest_text{}; ///< Text from port 0xE9 that is no record stream.
    std::string ring_complaint{};
};

[[nodiscard]] MachineEnd conclude(const QemuEvidence& evidence);

/// "rip 0x100015, cr0 0x80000011, cr2 0x0, cr3 0x9000, cr4 0x20, cpl 0"; empty if there is none.
[[nodiscard]] std::string summarize_registers(std::string_view registers);

} // namespace vmrunit::runner
