// SPDX-License-Identifier: GPL-2.0-only
// See matrix_json.hpp.
#include "host_runner/matrix/matrix_json.hpp"

#include "host_runner/matrix/matrix_groups.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"

namespace vmrunit::runner {

namespace {

constexpr int matrix_schema_version = 1;

constexpr std::array<std::string_view, 8> topic_names{
    "harness", "table", "undecided", "kvm", "cpu", "unexpected_pass", "flaky", "agreement"};

Json target_json(const MatrixColumn& column) {
    Json json{{"name", valid_utf8(column.target)},
              {"layers",
               {{"cpu", valid_utf8(column.layers.cpu)},
                {"cpu_version", valid_utf8(column.layers.cpu_version)},
                {"kernel", valid_utf8(column.layers.kernel)}}},
              {"ran", column.trouble.empty()}};
    if (!column.trouble.empty()) {
        json["why_not"] = valid_utf8(column.trouble);
        return json;
    }
    const RunRecord& record = column.record;
    json["subject"] = valid_utf8(record.info.subject);
    json["baseline"] = valid_utf8(record.info.baseline);
    json.update(subject_json(record.info.features, record.info.facts));
    json["summary"] = counts_json(record.counts());
    json["complete"] = record.why_incomplete().empty();
    json["results"] = valid_utf8((column.folder / "results.json").generic_string());
    return json;
}

Json attribution_json(const Attribution& one) {
    Json json{{"target", one.column}, {"culprit", to_string(one.culprit)}};
    if (!one.layer.empty()) {
        json["layer"] = valid_utf8(one.layer);
    }
    json["evidence"] = valid_utf8(one.evidence);
    return json;
}

Json row_json(const MatrixRow& row) {
    Json verdicts = Json::array();
    for (const Cell& cell : row.cells) {
        verdicts.push_back(cell.verdict ? Json(to_string(*cell.verdict)) : Json(nullptr));
    }
    Json json{{"name", valid_utf8(row.name)}, {"verdicts", std::move(verdicts)}};
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        if (row.cells[i].flaky) {
            json["flaky"].push_back(i);
        }
    }
    for (const Attribution& one : row.attributions) {
        json["attributions"].push_back(attribution_json(one));
    }
    return json;
}

/// Groups on which all targets agree are left out: their rows say it all.
Json groups_json(const Matrix& matrix) {
    Json groups = Json::array();
    for (const MatrixGroup& group : group_rows(matrix)) {
        if (group.topic == MatrixTopic::agreement) {
            continue;
        }
        Json reasons = Json::array();
        for (const Cell& cell : matrix.rows[group.rows.front()].cells) {
            reasons.push_back(valid_utf8(cell.reason));
        }
        groups.push_back({{"topic", topic_names[static_cast<std::size_t>(group.topic)]},
                          {"known", group.known},
                          {"label", valid_utf8(group.label)},
                          {"reasons", std::move(reasons)},
                          {"rows", group.rows}});
    }
    return groups;
}

} // namespace

std::string matrix_json(const Matrix& matrix, const MatrixInfo& info) {
    Json command_line = Json::array();
    for (const std::string& word : info.command_line) {
        command_line.push_back(valid_utf8(word));
    }
    const std::string why_incomplete = matrix.why_incomplete();
    Json run{{"started", utc_time(info.started)},
             {"cases", matrix.rows.size()},
             {"command_line", std::move(command_line)},
             {"interrupted", info.interrupted},
             {"complete", why_incomplete.empty()}};
    if (!why_incomplete.empty()) {
        run["why_incomplete"] = valid_utf8(why_incomplete);
    }
    Json json{{"schema_version", matrix_schema_version},
              {"tool",
               {{"name", "vmrunit"},
                {"version", valid_utf8(info.version)},
                {"payload_build_id", valid_utf8(info.payload_build_id)}}},
              {"run", std::move(run)},
              {"summary", counts_json(matrix.counts())}};
    json["targets"] = Json::array();
    for (const MatrixColumn& column : matrix.columns) {
        json["targets"].push_back(target_json(column));
    }
    json["groups"] = groups_json(matrix);
    json["rows"] = Json::array();
    for (const MatrixRow& row : matrix.rows) {
        json["rows"].push_back(row_json(row));
    }
    return dumped(json, 1) + "\n";
}

} // namespace vmrunit::runner
