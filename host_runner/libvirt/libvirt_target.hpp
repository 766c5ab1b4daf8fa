// SPDX-License-Identifier: GPL-2.0-only
// Target `libvirt`: domains of a libvirt daemon on this machine. In a build without libvirt the
// target is there too, and says so.
#pragma once

#include "host_runner/targets/target_registry.hpp"

namespace vmrunit::runner {

/// `libvirt`, for a registry.
[[nodiscard]] TargetFactory libvirt_target_factory();

} // namespace vmrunit::runner
