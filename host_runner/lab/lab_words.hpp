// SPDX-License-Identifier: GPL-2.0-only
// The lines that a lab machine's first process adds to the kernel's log: "vmrunit-lab WORD TEXT".
// Used at both ends.
#pragma once

#include <string_view>

namespace vmrunit::lab {

inline constexpr std::string_view prefix = "vmrunit-lab: ";

// clang-format off
inline constexpr std::string_view word_note    = "note";    ///< Something is not as usual.
inline constexpr std::string_view word_error   = "error";   ///< The machine is of no use and goes.
inline constexpr std::string_view word_running = "running"; ///< The worker was started.
inline constexpr std::string_view word_says    = "says";    ///< A line the worker printed.
inline constexpr std::string_view word_ended   = "ended";   ///< The worker left; so does the machine.
// clang-format on

} // namespace vmrunit::lab
