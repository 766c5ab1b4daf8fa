// SPDX-License-Identifier: GPL-2.0-only
// A VMCB that runs a second time in one case, with clean bits or without. Whatever the first run
// leaves in a group that is then called clean has to be what it began with. APM2 15.15.
#pragma once

#include "cases/model/instruction_table.hpp"

#include "harness/world.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace vmrunit::cases {

inline constexpr std::uint32_t all_clean = 0x1fff;

/// PDPTEs as before a first VMRUN: QEMU sets A in the one that it uses, which KVM on it then finds
/// reserved.
[[nodiscard]] inline std::vector<Step> fresh_directory_pointers(L2Mode mode) {
    constexpr std::uint32_t directory_pointers = 4;
    std::vector<Step> steps;
    for (std::uint32_t i = 0; mode == L2Mode::pae && i < directory_pointers; ++i) {
        steps.emplace_back(
            Write{wire::Op::Code::clear_bits, Region::pae_pdpt, i * 8, 8, world::accessed});
    }
    return steps;
}

/// The last steps: after those that change something.
[[nodiscard]] inline std::vector<Step> second_run(L2Mode mode, std::uint32_t clean_bits,
                                                  std::vector<Step> steps = {}) {
    const auto fresh = fresh_directory_pointers(mode);
    steps.insert(steps.end(), fresh.begin(), fresh.end());
    steps.emplace_back(vmcb_field(svm::field::clean_bits, clean_bits));
    steps.emplace_back(Run{});
    return steps;
}

} // namespace vmrunit::cases
