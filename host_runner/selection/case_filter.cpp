// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/selection/case_filter.hpp"

#include "host_runner/baseline/glob.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

struct Pattern {
    std::string glob;
    bool excludes = false;
    bool used = false;

    [[nodiscard]] bool matches(std::string_view name) const {
        if (glob_matches(glob, name)) {
            return true;
        }
        // A name without its last parts stands for all that begin with it.
        return glob_matches(glob + "/*", name);
    }
};

} // namespace

Result<std::vector<const cases::Case*>> select_cases(const cases::Catalogue& catalogue,
                                                     std::span<const std::string> patterns) {
    std::vector<Pattern> list;
    bool selects = false;
    for (const std::string& text : patterns) {
        const bool excludes = text.starts_with('!');
        std::string glob = excludes ? text.substr(1) : text;
        while (glob.ends_with('/')) {
            glob.pop_back();
        }
        selects = selects || !excludes;
        list.push_back({std::move(glob), excludes, false});
    }
    std::vector<const cases::Case*> chosen;
    for (const cases::Case& one : catalogue.cases()) {
        bool selected = !selects;
        bool excluded = false;
        for (Pattern& pattern : list) {
            if (pattern.matches(one.name)) {
                pattern.used = true;
                (pattern.excludes ? excluded : selected) = true;
            }
        }
        if (selected && !excluded) {
            chosen.push_back(&one);
        }
    }
    for (const Pattern& pattern : list) {
        if (!pattern.used) {
            return failure(fmt::format("no case matches '{}'", pattern.glob),
                           "vmrunit list shows the names; * and ? stand for any characters");
        }
    }
    if (chosen.empty()) {
        return failure("the filter excludes every case it selects", "vmrunit list shows the names");
    }
    return chosen;
}

} // namespace vmrunit::runner
