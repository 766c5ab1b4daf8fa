// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/intercept_bits.hpp"

#include "cases/model/vmruns.hpp"

namespace vmrunit::cases {

svm::InterceptSet fresh_intercepts() {
    return {svm::Intercept::vmrun, svm::Intercept::vmmcall, svm::Intercept::shutdown};
}

svm::InterceptSet intercepts_at_first_run(const Case& one) {
    return vmcb_at_first_run(one).control.intercepts;
}

} // namespace vmrunit::cases
