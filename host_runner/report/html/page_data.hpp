// SPDX-License-Identifier: GPL-2.0-only
// All results of a run as the page's script reads them: compact JSON, safe inside a script element.
#pragma once

#include "host_runner/report/html/intercept_map.hpp"
#include "host_runner/report/run_record.hpp"

#include <string>

namespace vmrunit::runner::html {

[[nodiscard]] std::string page_data(const RunRecord& record, const InterceptsOfCases& intercepts,
                                    const std::string& source_url);

} // namespace vmrunit::runner::html
