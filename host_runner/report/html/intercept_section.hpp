// SPDX-License-Identifier: GPL-2.0-only
// A page's part on the intercept bits: a cell for each bit and run.
#pragma once

#include "host_runner/report/html/intercept_map.hpp"
#include "host_runner/report/run_record.hpp"

#include <kainjow/mustache.hpp>
#include <span>

namespace vmrunit::runner::html {

/// Sets what {{>intercept_section}} of a page shows.
void set_intercept_section(kainjow::mustache::data& page, std::span<const RunRecord* const> runs,
                           const InterceptsOfCases& intercepts);

} // namespace vmrunit::runner::html
