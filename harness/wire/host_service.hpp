// SPDX-License-Identifier: GPL-2.0-only
// What only the host can do to a running machine. L1 or L2 asks by one byte to a port of its own,
// so that the host can act while L2 runs; there is no answer. Which services a machine offers is
// among its features (svm::machine_leaf); elsewhere the port is as empty as others.
#pragma once

#include <cstdint>

namespace vmrunit::wire {

inline constexpr std::uint16_t service_port = 0xea;

enum class HostService : std::uint8_t {
    machine_check = 1, ///< An uncorrected error of bank 0, restartable, on the first CPU.
};

} // namespace vmrunit::wire
