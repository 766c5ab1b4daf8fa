// SPDX-License-Identifier: GPL-2.0-only
// Ports that an L2 may touch without an intercept: reading one says nothing, writing one does
// nothing. No CPU knows which they are, so a target lists them, as features of its machines
// (machine_leaf). A range for each place where the permission map has something to show.
#pragma once

#include "harness/svm/features.hpp"

#include <cstdint>

namespace vmrunit::svm {

struct InertPorts {
    Feature listed; ///< The target lists these.
    std::uint16_t first, last;
};

/// Around the diagnostic port, which shows a number at most, with page registers of a DMA
/// controller that nobody uses; around the first border of two pages of the map; and the last ones.
inline constexpr InertPorts inert_ports[] = {
    {Feature::inert_ports_80, 0x007c, 0x0083},
    {Feature::inert_ports_8000, 0x7ffc, 0x8003},
    {Feature::inert_ports_ffff, 0xfff8, 0xffff},
};

/// Of a machine in which nothing answers at any of them.
inline constexpr Features all_inert_ports{Feature::inert_ports_80, Feature::inert_ports_8000,
                                          Feature::inert_ports_ffff};

} // namespace vmrunit::svm
