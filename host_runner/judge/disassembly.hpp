// SPDX-License-Identifier: GPL-2.0-only
// L2 code as instructions, by Zydis, with the labels of the program and the saved RIP marked.
#pragma once

#include "host_runner/payload/payload_image.hpp"
#include "host_runner/verdict.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace vmrunit::runner {

[[nodiscard]] std::vector<CodeLine> disassemble(const L2Program& program,
                                                std::optional<std::uint64_t> rip);

} // namespace vmrunit::runner
