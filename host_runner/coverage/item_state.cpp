// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/item_state.hpp"

#include <array>

namespace vmrunit::runner {

ItemState state_of(const ItemCoverage& item) {
    if (item.shown_by.empty()) {
        return item.missing() ? ItemState::missing : ItemState::excused;
    }
    bool deviates = false;
    for (const VerdictCounts& counts : item.verdicts) {
        if (counts[Verdict::fail] + counts[Verdict::error] != 0) {
            return ItemState::failing;
        }
        deviates = deviates || counts[Verdict::expected_fail] != 0;
    }
    if (item.confirmed()) {
        return ItemState::confirmed;
    }
    return deviates ? ItemState::deviation : ItemState::unconfirmed;
}

std::string_view name_of(ItemState state) {
    constexpr std::array<std::string_view, 6> names{"missing",   "failing",   "unconfirmed",
                                                    "deviation", "confirmed", "excused"};
    return names[static_cast<std::size_t>(state)];
}

} // namespace vmrunit::runner
