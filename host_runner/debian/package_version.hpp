// SPDX-License-Identifier: GPL-2.0-only
// Versions of Debian packages: deb-version(7).
#pragma once

#include <string_view>

namespace vmrunit::runner {

/// "6.12" covers 6.12, 6.12.95 and 6.12.95-1, but not 6.1 and not 6.120.
[[nodiscard]] bool version_covers(std::string_view wanted, std::string_view version);
/// Numbers as numbers, the rest as text.
[[nodiscard]] bool version_is_older(std::string_view one, std::string_view other);

} // namespace vmrunit::runner
