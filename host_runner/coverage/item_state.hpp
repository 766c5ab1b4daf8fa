// SPDX-License-Identifier: GPL-2.0-only
// What an item is worth: what the page gives it a colour for.
#pragma once

#include "host_runner/coverage/coverage.hpp"

#include <cstdint>
#include <string_view>

namespace vmrunit::runner {

/// From what asks for attention to what does not.
enum class ItemState : std::uint8_t {
    missing,
    failing,
    unconfirmed,
    deviation,
    confirmed,
    excused,
};

[[nodiscard]] ItemState state_of(const ItemCoverage& item);

/// Class of the page's style: "missing".
[[nodiscard]] std::string_view name_of(ItemState state);

} // namespace vmrunit::runner
