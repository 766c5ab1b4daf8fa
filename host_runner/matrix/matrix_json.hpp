// SPDX-License-Identifier: GPL-2.0-only
// A matrix for machines: one object, whose contract is host_runner/report/matrix-1.schema.json.
// What was seen in each case stands in the results of the targets, beside it in the same folder.
#pragma once

#include "host_runner/matrix/matrix.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// What is true of the whole matrix and not of one run.
struct MatrixInfo {
    std::string version;          ///< Of vmrunit.
    std::string payload_build_id; ///< Of the image that all machines boot.
    std::vector<std::string> command_line;
    std::chrono::system_clock::time_point started;
    bool interrupted = false;
};

[[nodiscard]] std::string matrix_json(const Matrix& matrix, const MatrixInfo& info);

} // namespace vmrunit::runner
