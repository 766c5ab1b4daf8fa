// SPDX-License-Identifier: GPL-2.0-only
// What the payload reports of L1's own state should have been restored and was not.
#pragma once

#include "harness/svm/cpu.hpp"
#include "harness/wire/record.hpp"
#include "host_runner/judge/record.hpp"
#include "host_runner/verdict.hpp"

#include <fmt/format.h>
#include <optional>

namespace vmrunit::runner {

/// None for DR7 with nothing enabled: only its enable bits are forced (spec: HST-DR7).
inline std::optional<FieldDifference> l1_difference(const Change& change) {
    const auto state = static_cast<wire::L1State>(change.where);
    if (state == wire::L1State::dr7 && (change.value & svm::dr7::breakpoint_enables) == 0) {
        return std::nullopt;
    }
    return FieldDifference{fmt::format("l1.{}", wire::l1_state_names[change.where]),
                           "restored",
                           fmt::format("0x{:016x}", change.value),
                           {},
                           false};
}

} // namespace vmrunit::runner
