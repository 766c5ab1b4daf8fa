// SPDX-License-Identifier: GPL-2.0-only
// The same cases on several targets: a table of case x target, made from the records of the runs.
#pragma once

#include "host_runner/matrix/attribution.hpp"
#include "host_runner/report/run_record.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// A target of the matrix and its run.
struct MatrixColumn {
    std::string target;           ///< As given on the command line.
    Layers layers;                ///< Complete only if it ran.
    std::string trouble;          ///< Why there is no run, in one line; empty if there is one.
    bool broken = false;          ///< The trouble is no property of the target: ERROR, not SKIP.
    RunRecord record;             ///< Of the run; empty without one.
    std::filesystem::path folder; ///< Of the run's reports, relative to the matrix's own.
};

struct MatrixRow {
    std::string name;
    std::vector<Cell> cells;               ///< One for each column.
    std::vector<Attribution> attributions; ///< One for each cell that deviates, in their order.
};

struct Matrix {
    std::vector<MatrixColumn> columns;
    std::vector<MatrixRow> rows; ///< In the order of the cases.

    /// Of the columns that ran.
    [[nodiscard]] VerdictCounts counts() const;
    /// Columns that did not run or not to their end, in one line; empty if there is none.
    [[nodiscard]] std::string why_incomplete() const;
};

/// Fills rows and attributions in from the columns' records.
[[nodiscard]] Matrix make_matrix(std::vector<MatrixColumn> columns,
                                 std::span<const std::string> names);

} // namespace vmrunit::runner
