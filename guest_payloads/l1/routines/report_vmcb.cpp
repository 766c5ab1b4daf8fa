// SPDX-License-Identifier: GPL-2.0-only
// What a VMCB holds behind a routine that ran it.

#include "harness/guest/routine.hpp"

#include <cstring>

namespace vmrunit::guest {

/// Argument: a byte offset in the VMCB. Reports the eight bytes there.
VMRUNIT_ROUTINE(report_vmcb) {
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const std::uint8_t*>(&call.arena.vmcb) + call.argument,
                sizeof value);
    call.report(value);
}

} // namespace vmrunit::guest
