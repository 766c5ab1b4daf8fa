// SPDX-License-Identifier: GPL-2.0-only
// A virtual interrupt that is pending for L2 from the start. APM2 15.21.4.
#pragma once

#include "harness/svm/vmcb.hpp"

#include <cstdint>

namespace vmrunit::cases {

/// No task priority stops it. `vector`: 0 to 255.
[[nodiscard]] constexpr svm::VirtualInterrupt offered_interrupt(std::uint64_t vector) {
    return svm::VirtualInterrupt{}
        .with(svm::VirtualInterrupt::v_irq)
        .with(svm::VirtualInterrupt::v_ign_tpr)
        .with(svm::VirtualInterrupt::v_intr_prio, 15)
        .with(svm::VirtualInterrupt::v_intr_vector, vector);
}

} // namespace vmrunit::cases
