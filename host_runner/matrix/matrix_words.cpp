// SPDX-License-Identifier: GPL-2.0-only
// See matrix_words.hpp.
#include "host_runner/matrix/matrix_words.hpp"

#include "host_runner/report/plain_text.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

std::string_view heading_of(MatrixTopic topic) {
    switch (topic) {
    case MatrixTopic::harness:
        return "Errors of the harness or its environment";
    case MatrixTopic::table:
        return "Our table is suspicious: no target does what it expects";
    case MatrixTopic::undecided:
        return "Undecided: more targets could tell";
    case MatrixTopic::kvm:
        return "KVM";
    case MatrixTopic::cpu:
        return "A CPU below";
    case MatrixTopic::unexpected_pass:
        return "Passes although a baseline expects a failure";
    case MatrixTopic::flaky:
        return "Flaky: failed, and did not when run again";
    case MatrixTopic::agreement:
        return "Holds wherever it ran";
    }
    return {};
}

std::string attribution_text(const Attribution& one) {
    std::string evidence = one_line(one.evidence);
    switch (one.culprit) {
    case Culprit::kvm:
        return fmt::format("KVM {}: {}", one_line(one.layer), evidence);
    case Culprit::cpu:
        return fmt::format("CPU {}: {}", one_line(one.layer), evidence);
    case Culprit::table:
    case Culprit::undecided:
        break;
    }
    return evidence;
}

std::vector<std::string> explanations_of(const MatrixRow& row) {
    std::vector<std::pair<std::string, std::string>> lines; // text, targets
    const auto add = [&](std::size_t column, const std::string& text) {
        const std::string number = std::to_string(column + 1);
        for (auto& [known, numbers] : lines) {
            if (known == text) {
                numbers += " " + number;
                return;
            }
        }
        lines.emplace_back(text, number);
    };
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const Cell& cell = row.cells[i];
        const bool tells = cell.deviates() || cell.flaky || cell.verdict == Verdict::error;
        if (tells && !cell.reason.empty()) {
            add(i, one_line(cell.reason));
        }
    }
    for (const Attribution& one : row.attributions) {
        add(one.column, attribution_text(one));
    }
    std::vector<std::string> made;
    for (const auto& [text, numbers] : lines) {
        made.push_back(fmt::format("{}: {}", numbers, text));
    }
    return made;
}

} // namespace vmrunit::runner
