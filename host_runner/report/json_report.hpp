// SPDX-License-Identifier: GPL-2.0-only
// The JSON report: one object that says what was tested, on what, and what came of it.
// results-1.schema.json is its contract; within version 1 only additions happen.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <string>

namespace vmrunit::runner {

[[nodiscard]] std::string json_report(const RunRecord& record);

} // namespace vmrunit::runner
