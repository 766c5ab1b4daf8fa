// SPDX-License-Identifier: GPL-2.0-only
// What VMRUN refuses with VMEXIT_INVALID, as predicates over the VMCB it finds. APM2 15.5.1.
#pragma once

#include "cases/model/vmruns.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

/// The rules that the VMCB of a VMRUN breaks, by name. A rule about what the VMCB points to reads
/// the case's writes.
[[nodiscard]] std::vector<std::string> broken_checks(const Case& one, const Vmrun& run);

} // namespace vmrunit::cases
