// SPDX-License-Identifier: GPL-2.0-only
// JUnit XML in the shape of Google Test's (testsuites, testsuite, testcase with file and line),
// with what that lacks: ERROR is <error>, apart from <failure> and <skipped>.
//
// XFAIL is <skipped> with its reason. XPASS is a failure only where --strict makes it one.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <string>

namespace vmrunit::runner {

[[nodiscard]] std::string junit_report(const RunRecord& record);

} // namespace vmrunit::runner
