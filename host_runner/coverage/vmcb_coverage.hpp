// SPDX-License-Identifier: GPL-2.0-only
// Coverage byte by byte: what the specification says of each byte of the VMCB, that VMRUN loads it,
// #VMEXIT stores it, VMRUN checks it or nobody touches it, and what came of the cases about that.
#pragma once

#include "host_runner/coverage/coverage.hpp"

#include <string>

namespace vmrunit::runner {

/// An SVG element with four bands to a byte, in the order of cases::VmcbUse; empty where no item is
/// about any byte. A byte leads to the item of it that asks most for attention.
[[nodiscard]] std::string vmcb_coverage_svg(const Coverage& coverage);

} // namespace vmrunit::runner
