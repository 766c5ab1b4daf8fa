// SPDX-License-Identifier: GPL-2.0-only
#include "cases/coverage/shown_by_rows.hpp"

#include "cases/model/glob.hpp"

#include <string>

namespace vmrunit::cases {

namespace {

std::string id_of(std::string_view family, const RowItem& item) {
    return std::string{family} + "/" + std::string{item.id};
}

} // namespace

std::vector<std::string> each_glob(std::string_view globs) {
    std::vector<std::string> found;
    while (!globs.empty()) {
        const std::size_t end = globs.find(' ');
        found.emplace_back(globs.substr(0, end));
        globs.remove_prefix(end == std::string_view::npos ? globs.size() : end + 1);
    }
    return found;
}

bool is_one_of_rows(const Case& one, std::string_view globs) {
    while (!globs.empty()) {
        const std::size_t end = globs.find(' ');
        if (row_matches(globs.substr(0, end), one.name)) {
            return true;
        }
        globs.remove_prefix(end == std::string_view::npos ? globs.size() : end + 1);
    }
    return false;
}

void add_items(CoverageFamily& family, std::span<const RowItem> items) {
    for (const RowItem& item : items) {
        family.items.push_back({id_of(family.name, item),
                                std::string{item.title},
                                "APM2 " + std::string{item.manual},
                                {},
                                0,
                                item.needs});
        const std::vector<std::string> rows = each_glob(item.rows);
        family.rows.insert(family.rows.end(), rows.begin(), rows.end());
    }
}

void covered_by_rows(std::string_view family, std::span<const RowItem> items, const Case& one,
                     const CoveredSink& covered) {
    for (const RowItem& item : items) {
        if (is_one_of_rows(one, item.rows)) {
            covered(id_of(family, item));
        }
    }
}

} // namespace vmrunit::cases
