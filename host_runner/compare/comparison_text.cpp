// SPDX-License-Identifier: GPL-2.0-only
// See comparison_text.hpp.
#include "host_runner/compare/comparison_text.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/paint.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace vmrunit::runner {
namespace {

std::string side_text(const RunRecord& record) {
    return fmt::format("{}, {}, {} cases", subject_text(record.info), utc_time(record.info.started),
                       record.results.size());
}

/// What makes the comparison worth less than it looks; one line each.
std::vector<std::string> reservations(const Comparison& comparison) {
    std::vector<std::string> lines;
    for (const auto& [letter, record] :
         {std::pair{'A', comparison.before}, std::pair{'B', comparison.after}}) {
        if (const std::string why = record->why_incomplete(); !why.empty()) {
            lines.push_back(fmt::format("{} is incomplete: {}", letter, one_line(why)));
        }
    }
    if (!comparison.same_payload) {
        lines.emplace_back(
            "A and B ran different builds of the payload: addresses are not compared");
    }
    return lines;
}

std::string verdict_word(const Comparison& comparison, bool strict) {
    if (comparison.regressed(strict)) {
        return "REGRESSION";
    }
    return comparison.groups.empty() ? "SAME" : "NO REGRESSION";
}

fmt::text_style style_of(ChangeKind kind) {
    switch (kind) {
    case ChangeKind::new_failure:
        return Paint::style(Verdict::fail);
    case ChangeKind::fixed:
        return Paint::style(Verdict::pass);
    default:
        return Paint::style(Verdict::skip);
    }
}

/// In Markdown names are code; everything else may hold what a guest wrote.
std::string markdown_text(std::string_view text) {
    std::string out;
    for (const char c : xml_escaped(one_line(text))) {
        if (std::string_view{"\\`*_{}[]|#~"}.find(c) != std::string_view::npos) {
            out += '\\';
        }
        out += c;
    }
    return out;
}

std::string markdown_code(std::string_view text) {
    std::string safe = one_line(text);
    std::ranges::replace(safe, '`', '\'');
    return "`" + safe + "`";
}

} // namespace

std::string comparison_headline(const Comparison& comparison) {
    std::string text;
    for (std::size_t kind = 0; kind < change_kinds.size(); ++kind) {
        const std::size_t count = comparison.count(static_cast<ChangeKind>(kind));
        if (count != 0) {
            text += text.empty() ? "" : ", ";
            text += fmt::format("{} {}", count,
                                count == 1 ? change_kinds[kind].one : change_kinds[kind].more);
        }
    }
    std::size_t changed = 0;
    for (const ChangeGroup& group : comparison.groups) {
        changed += group.cases.size();
    }
    return fmt::format("{}{}{} of {} cases unchanged", text, text.empty() ? "" : "; ",
                       comparison.unchanged, comparison.unchanged + changed);
}

std::string comparison_text(const Comparison& comparison, const ComparisonLayout& layout) {
    const Paint paint{layout.colour};
    std::string out =
        fmt::format("A  {}\nB  {}\n", side_text(*comparison.before), side_text(*comparison.after));
    std::optional<ChangeKind> heading;
    for (const ChangeGroup& group : comparison.groups) {
        if (heading != group.kind) {
            heading = group.kind;
            out += fmt::format("\n{} ({})\n",
                               paint.in(style_of(group.kind), info_of(group.kind).title),
                               comparison.count(group.kind));
        }
        out +=
            fmt::format("  {:5}  {}\n", group.cases.size(), fitted(group.what, layout.width - 9));
        const std::size_t shown = std::min(group.cases.size(), layout.most_names);
        for (std::size_t at = 0; at < shown; ++at) {
            out += fmt::format("         {}\n", one_line(group.cases[at].name()));
        }
        if (shown < group.cases.size()) {
            out += fmt::format("         ... and {} more\n", group.cases.size() - shown);
        }
    }
    out += '\n';
    for (const std::string& line : reservations(comparison)) {
        out += "  " + line + '\n';
    }
    const bool worse = comparison.regressed(layout.strict);
    const std::string word = verdict_word(comparison, layout.strict);
    out += fmt::format("{}  {}\n", worse ? paint.wrong(word) : paint.right(word),
                       comparison_headline(comparison));
    return out;
}

std::string comparison_markdown(const Comparison& comparison, const ComparisonLayout& layout) {
    std::string out =
        fmt::format("### vmrunit: {}\n\n{}\n\n", verdict_word(comparison, layout.strict),
                    comparison_headline(comparison));
    out += fmt::format("| | tested | when | cases |\n| --- | --- | --- | --- |\n");
    for (const auto& [letter, record] :
         {std::pair{'A', comparison.before}, std::pair{'B', comparison.after}}) {
        out += fmt::format("| {} | {} | {} | {} |\n", letter,
                           markdown_text(subject_text(record->info)),
                           utc_time(record->info.started), record->results.size());
    }
    for (const std::string& line : reservations(comparison)) {
        out += "\n> " + markdown_text(line) + "\n";
    }
    std::optional<ChangeKind> heading;
    for (const ChangeGroup& group : comparison.groups) {
        if (heading != group.kind) {
            heading = group.kind;
            out += fmt::format("\n#### {} ({})\n", info_of(group.kind).title,
                               comparison.count(group.kind));
        }
        // What is worse is open; the rest is there for who asks.
        out += fmt::format("\n<details{}><summary>{} × {}</summary>\n\n",
                           group.kind == ChangeKind::new_failure ? " open" : "", group.cases.size(),
                           xml_escaped(group.what));
        const std::size_t shown = std::min(group.cases.size(), layout.most_names);
        for (std::size_t at = 0; at < shown; ++at) {
            out += fmt::format("- {}\n", markdown_code(group.cases[at].name()));
        }
        if (shown < group.cases.size()) {
            out += fmt::format("- … and {} more\n", group.cases.size() - shown);
        }
        out += "\n</details>\n";
    }
    return out;
}

} // namespace vmrunit::runner
