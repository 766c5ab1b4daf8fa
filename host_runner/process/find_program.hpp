// SPDX-License-Identifier: GPL-2.0-only
// Finds a program as a shell would: a name in PATH, anything with a slash as it stands.
#pragma once

#include "host_runner/error.hpp"

#include <string>

namespace vmrunit::runner {

/// The path to execute. The error says what was looked for; its cure is left to the caller.
[[nodiscard]] Result<std::string> find_program(const std::string& name);

} // namespace vmrunit::runner
