// SPDX-License-Identifier: GPL-2.0-only
// See matrix_groups.hpp.
#include "host_runner/matrix/matrix_groups.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>
#include <tuple>

namespace vmrunit::runner {

namespace {

constexpr std::size_t most_beginnings = 3;

/// Rows with equal keys say the same.
std::string key_of(const MatrixRow& row) {
    std::string key;
    for (const Cell& cell : row.cells) {
        const bool needs_reason = cell.deviates() || cell.flaky || cell.verdict == Verdict::error;
        key += fmt::format("{}{}\x1f{}\x1e", cell.flaky ? "flaky " : "",
                           cell.verdict ? static_cast<int>(*cell.verdict) : -1,
                           needs_reason ? cell.reason : std::string{});
    }
    for (const Attribution& one : row.attributions) {
        key += fmt::format("{}\x1f{}\x1f{}\x1e", to_string(one.culprit), one.layer, one.evidence);
    }
    return key;
}

/// "area/subject/what" of a name, or of as many of these parts as `parts` says.
std::string_view beginning(std::string_view name, std::size_t parts) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < parts && at != std::string_view::npos; ++i) {
        at = name.find('/', at == 0 ? 0 : at + 1);
    }
    return name.substr(0, at);
}

} // namespace

MatrixTopic topic_of(const MatrixRow& row) {
    if (std::ranges::any_of(row.cells, [](const Cell& c) { return c.verdict == Verdict::error; })) {
        return MatrixTopic::harness;
    }
    if (!row.attributions.empty()) {
        const auto worst = std::ranges::min_element(row.attributions, {}, &Attribution::culprit);
        switch (worst->culprit) {
        case Culprit::table:
            return MatrixTopic::table;
        case Culprit::undecided:
            return MatrixTopic::undecided;
        case Culprit::kvm:
            return MatrixTopic::kvm;
        case Culprit::cpu:
            return MatrixTopic::cpu;
        }
    }
    const bool unexpected = std::ranges::any_of(
        row.cells, [](const Cell& c) { return c.verdict == Verdict::unexpected_pass; });
    if (unexpected) {
        return MatrixTopic::unexpected_pass;
    }
    return std::ranges::any_of(row.cells, &Cell::flaky) ? MatrixTopic::flaky
                                                        : MatrixTopic::agreement;
}

std::string label_of(const std::vector<std::string_view>& names) {
    if (names.size() == 1) {
        return std::string{names.front()};
    }
    // As many parts as leave few beginnings; a name has at least area, subject and what.
    for (const std::size_t parts : {3U, 2U, 1U}) {
        std::set<std::string_view> beginnings;
        for (const std::string_view name : names) {
            beginnings.insert(beginning(name, parts));
        }
        if (beginnings.size() <= most_beginnings || parts == 1) {
            std::string label;
            for (const std::string_view one : beginnings) {
                label += fmt::format("{}{}/*", label.empty() ? "" : " ", one);
            }
            return label;
        }
    }
    return {};
}

std::vector<MatrixGroup> group_rows(const Matrix& matrix) {
    std::map<std::string, MatrixGroup> by_key;
    for (std::size_t i = 0; i < matrix.rows.size(); ++i) {
        const MatrixRow& row = matrix.rows[i];
        MatrixGroup& group = by_key[key_of(row)];
        group.topic = topic_of(row);
        group.known = std::ranges::none_of(
            row.cells, [](const Cell& cell) { return cell.verdict == Verdict::fail; });
        group.rows.push_back(i);
    }
    std::vector<MatrixGroup> groups;
    for (auto& [key, group] : by_key) {
        std::vector<std::string_view> names;
        for (const std::size_t row : group.rows) {
            names.emplace_back(matrix.rows[row].name);
        }
        group.label = label_of(names);
        groups.push_back(std::move(group));
    }
    std::ranges::stable_sort(groups, {}, [](const MatrixGroup& group) {
        return std::tuple{group.topic, group.known, -static_cast<long>(group.rows.size()),
                          group.rows.front()};
    });
    return groups;
}

} // namespace vmrunit::runner
