// SPDX-License-Identifier: GPL-2.0-only
// A matrix as one HTML file that needs nothing else: what differs, in groups with their evidence;
// intercept bit x target; the VMCB of each target; every case with its verdict on every target.
#pragma once

#include "cases/model/catalogue.hpp"
#include "host_runner/matrix/matrix_json.hpp"

#include <string>

namespace vmrunit::runner {

/// `source_url`: what a row's file is appended to for a link to it; empty: no links.
[[nodiscard]] std::string matrix_html(const Matrix& matrix, const MatrixInfo& info,
                                      const cases::Catalogue& catalogue,
                                      const std::string& source_url);

} // namespace vmrunit::runner
