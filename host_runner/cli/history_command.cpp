// SPDX-License-Identifier: GPL-2.0-only
// `vmrunit history`: what cases came to over targets, versions and time.
#include "host_runner/cli/commands.hpp"
#include "host_runner/history/history.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/results_file.hpp"
#include "host_runner/selection/case_filter.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

constexpr std::size_t most_letters = 40;

double flake_rate(const HistoryLine& line) {
    return line.results == 0
               ? 0.0
               : static_cast<double>(line.unstable) / static_cast<double>(line.results);
}

std::string text_of(const HistoryLine& line) {
    const std::string shown = line.verdicts.size() > most_letters
                                  ? ".." + line.verdicts.substr(line.verdicts.size() - most_letters)
                                  : line.verdicts;
    std::string text =
        fmt::format("  {}  {}\n    {}  {} to {}, {} result{}, flake rate {:.1f} %\n",
                    one_line(line.target), one_line(line.subject), shown, line.first, line.last,
                    line.results, line.results == 1 ? "" : "s", 100 * flake_rate(line));
    text += fmt::format("    last: {}{}{}\n", line.last_verdict,
                        line.last_reason.empty() ? "" : "  ", one_line(line.last_reason));
    return text;
}

Json json_of(const HistoryLine& line) {
    return {{"case", line.case_name},
            {"target", line.target},
            {"subject", line.subject},
            {"verdicts", line.verdicts},
            {"first", line.first},
            {"last", line.last},
            {"results", line.results},
            {"flake_rate", flake_rate(line)},
            {"last_verdict", line.last_verdict},
            {"last_reason", line.last_reason}};
}

} // namespace

CommandResult history_command(const Program& program, const CommonOptions& common,
                              const HistoryOptions& options) {
    auto history = History::open(options.file, !options.add.empty());
    if (!history) {
        return usage_error(history.error());
    }
    for (const std::filesystem::path& file : options.add) {
        auto record = read_results(file);
        if (!record) {
            return usage_error(record.error());
        }
        if (auto added = history->add(*record); !added) {
            return operation_error(added.error());
        }
    }
    if (common.filters.empty()) {
        if (options.add.empty()) {
            return usage_error({"no case is named", "vmrunit history --history FILE CASE..."});
        }
        return RunOutcome::passed;
    }
    auto chosen = select_cases(program.catalogue, common.filters);
    if (!chosen) {
        return usage_error(chosen.error());
    }
    std::vector<std::string> names;
    for (const cases::Case* one : *chosen) {
        names.push_back(one->name);
    }
    auto lines = history->lines(names);
    if (!lines) {
        return operation_error(lines.error());
    }
    if (options.json) {
        Json all = Json::array();
        for (const HistoryLine& line : *lines) {
            all.push_back(json_of(line));
        }
        fmt::print("{}\n", dumped(all, 1));
    } else {
        std::string_view before;
        for (const HistoryLine& line : *lines) {
            if (options.unstable && line.unstable == 0) {
                continue;
            }
            if (before != line.case_name) {
                fmt::print("{}\n", line.case_name);
                before = line.case_name;
            }
            fmt::print("{}", text_of(line));
        }
    }
    if (lines->empty()) {
        auto runs = history->runs();
        return usage_error({fmt::format("{} has no result of these cases, in {} runs",
                                        options.file.string(), runs ? *runs : 0),
                            "vmrunit run --history FILE adds a run"});
    }
    return RunOutcome::passed;
}

} // namespace vmrunit::runner
