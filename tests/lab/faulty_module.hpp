// SPDX-License-Identifier: GPL-2.0-only
// Makes a kernel module find fault with itself: the first instruction of one of its functions
// becomes UD2, which is an oops, or, entered in the module's table of such places, a WARN; or a
// jump to itself, which a kernel notices by its watchdog unless interrupts are off.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

enum class ModuleFault { warn, oops, loop, deaf_loop };

/// False if the module has no such function, or no WARN of its own to be borrowed.
[[nodiscard]] bool plant_fault(std::vector<std::byte>& module, std::string_view function,
                               ModuleFault fault);

} // namespace vmrunit::runner
