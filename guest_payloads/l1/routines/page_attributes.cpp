// SPDX-License-Identifier: GPL-2.0-only
// The PAT of L1, which L2 writes where it has none of its own. APM2 15.25.4.

#include "harness/guest/cpu.hpp"
#include "harness/guest/routine.hpp"
#include "harness/svm/msr.hpp"

namespace vmrunit::guest {

/// Reports L1's PAT.
VMRUNIT_ROUTINE(report_pat) {
    call.report(read_msr(svm::msr::pat));
}

} // namespace vmrunit::guest
