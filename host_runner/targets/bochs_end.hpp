// SPDX-License-Identifier: GPL-2.0-only
// Works out how a Bochs machine ended, from everything Bochs left behind. Data in, data out.
#pragma once

#include "host_runner/process/process_status.hpp"
#include "host_runner/targets/target.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace vmrunit::runner {

/// What is known when a Bochs machine is over. (Every member has an initializer so that tests may
/// name only some.)
struct BochsEvidence {
    std::optional<ProcessStatus> exit_status{}; ///< If it ended before the runner ended it.
    bool reset = false;                         ///< The guest reset its machine.
    std::string errors{};                       ///< End of Bochs' standard error.
    std::string log{};                          ///< End of its log.
};

[[nodiscard]] MachineEnd conclude(const BochsEvidence& evidence);

/// Resets of the whole machine that a piece of the log tells of; the first is its being switched
/// on.
[[nodiscard]] unsigned count_resets(std::string_view log);

/// "rip 0x100015, cr0 0x80000011, cr2 0x0, cr3 0x9000, cr4 0x20" of the last dump of registers in
/// the log; empty if there is none.
[[nodiscard]] std::string summarize_bochs_registers(std::string_view log);

} // namespace vmrunit::runner
