// SPDX-License-Identifier: GPL-2.0-only
// See matrix.hpp.
#include "host_runner/matrix/matrix.hpp"

#include <unordered_map>

namespace vmrunit::runner {

VerdictCounts Matrix::counts() const {
    VerdictCounts sum;
    for (const MatrixColumn& column : columns) {
        for (const CaseResult& result : column.record.results) {
            sum.add(result);
        }
    }
    return sum;
}

std::string Matrix::why_incomplete() const {
    std::string why;
    for (const MatrixColumn& column : columns) {
        const std::string reason =
            column.trouble.empty() ? column.record.why_incomplete() : column.trouble;
        if (!reason.empty()) {
            why += (why.empty() ? "" : "; ") + column.target + ": " + reason;
        }
    }
    return why;
}

Matrix make_matrix(std::vector<MatrixColumn> columns, std::span<const std::string> names) {
    Matrix matrix{.columns = std::move(columns), .rows = {}};
    std::vector<Witness> witnesses;
    std::vector<std::unordered_map<std::string_view, const CaseResult*>> results;
    for (const MatrixColumn& column : matrix.columns) {
        witnesses.push_back({column.target, column.layers});
        auto& by_name = results.emplace_back();
        for (const CaseResult& result : column.record.results) {
            by_name.emplace(result.name, &result);
        }
    }
    for (const std::string& name : names) {
        MatrixRow& row = matrix.rows.emplace_back();
        row.name = name;
        for (const auto& by_name : results) {
            const auto found = by_name.find(name);
            row.cells.push_back(found == by_name.end() ? Cell{} : cell_of(*found->second));
        }
        row.attributions = attribute(witnesses, row.cells);
    }
    return matrix;
}

} // namespace vmrunit::runner
