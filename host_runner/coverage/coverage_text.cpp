// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/coverage_text.hpp"

#include "host_runner/baseline/glob.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace vmrunit::runner {

namespace {

bool stands_for(const std::string& filter, std::string_view id) {
    return glob_matches(filter, id) || glob_matches(filter + "/*", id);
}

bool chosen(std::string_view id, std::span<const std::string> filters) {
    return filters.empty() || std::ranges::any_of(filters, [id](const std::string& filter) {
               return stands_for(filter, id);
           });
}

void write_item(std::string& out, const ItemCoverage& item,
                const std::vector<std::string>& targets) {
    const auto to = std::back_inserter(out);
    if (item.shown_by.empty()) {
        fmt::format_to(to, "{}\n    no case: {}\n", item.item->id,
                       item.reason.empty() ? "AND NO REASON" : item.reason);
        return;
    }
    fmt::format_to(to, "{}  {} {}\n", item.item->id, item.shown_by.size(),
                   item.shown_by.size() == 1 ? "case" : "cases");
    for (const CaseGroup& group : grouped(item.shown_by)) {
        fmt::format_to(to, "    {} {}\n", group.cases, group.glob);
    }
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (const std::string text = verdicts_text(item.verdicts[i]); !text.empty()) {
            fmt::format_to(to, "    {}: {}\n", targets[i], text);
        }
    }
}

} // namespace

std::string verdicts_text(const VerdictCounts& counts) {
    std::string text;
    for (std::size_t i = 0; i < verdict_names.size(); ++i) {
        if (counts.by_verdict[i] != 0) {
            fmt::format_to(std::back_inserter(text), "{}{} {}", text.empty() ? "" : ", ",
                           counts.by_verdict[i], verdict_names[i]);
        }
    }
    return text;
}

FamilyTally tally(const FamilyCoverage& family) {
    FamilyTally made;
    for (const ItemCoverage& item : family.items) {
        ++made.items;
        made.covered += item.shown_by.empty() ? 0 : 1;
        made.excused += item.shown_by.empty() && !item.reason.empty() ? 1 : 0;
        made.missing += item.missing() ? 1 : 0;
        made.confirmed += item.confirmed() ? 1 : 0;
    }
    return made;
}

bool names_an_item(const Coverage& coverage, const std::string& filter) {
    return std::ranges::any_of(coverage.families, [&](const FamilyCoverage& family) {
        return std::ranges::any_of(family.items, [&](const ItemCoverage& item) {
            return stands_for(filter, item.item->id);
        });
    });
}

std::string coverage_sums(const Coverage& coverage) {
    std::string out;
    for (const FamilyCoverage& family : coverage.families) {
        const FamilyTally sum = tally(family);
        fmt::format_to(std::back_inserter(out),
                       "{}: {} items, {} with cases, {} without for a reason, {} missing",
                       family.family->title, sum.items, sum.covered, sum.excused, sum.missing);
        if (!coverage.targets.empty()) {
            fmt::format_to(std::back_inserter(out), "; {} passed on a target", sum.confirmed);
        }
        out += '\n';
    }
    return out;
}

std::string coverage_text(const Coverage& coverage, std::span<const std::string> filters) {
    std::string out;
    for (const FamilyCoverage& family : coverage.families) {
        for (const ItemCoverage& item : family.items) {
            if (chosen(item.item->id, filters)) {
                write_item(out, item, coverage.targets);
            }
        }
    }
    if (!out.empty()) {
        out += '\n';
    }
    return out + coverage_sums(coverage);
}

} // namespace vmrunit::runner
