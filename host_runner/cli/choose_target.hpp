// SPDX-License-Identifier: GPL-2.0-only
// The target a command means: the one named, or the best this host has.
#pragma once

#include "host_runner/cli/commands.hpp"

#include <memory>

namespace vmrunit::runner {

/// Says on standard error which one it took if none was named.
[[nodiscard]] tl::expected<std::unique_ptr<Target>, CommandError>
choose_target(const Program& program, const CommonOptions& common);

} // namespace vmrunit::runner
