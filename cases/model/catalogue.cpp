// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/catalogue.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace vmrunit::cases {

namespace {

/// Only ever appended to, while the program's constants are constructed.
std::vector<TableFunction>& tables() {
    static std::vector<TableFunction> list;
    return list;
}

bool is_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/';
    });
}

} // namespace

void Catalogue::add(Case added) {
    if (!is_name(added.name) || std::ranges::count(added.name, '/') < 2) {
        throw std::logic_error("case name is not area/subject/what in [a-z0-9_/]: " + added.name);
    }
    const auto [place, fresh] = by_name_.emplace(added.name, cases_.size());
    if (!fresh) {
        throw std::logic_error("two cases are called " + place->first);
    }
    cases_.push_back(std::move(added));
}

const Case* Catalogue::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &cases_[found->second];
}

Registration::Registration(TableFunction table) {
    tables().push_back(table);
}

Catalogue registered_cases() {
    Catalogue collected;
    for (const TableFunction table : tables()) {
        table(collected);
    }
    // Link order must not show: by L1's mode, each of which has machines of its own, then by name,
    // with what ends the machine last.
    std::vector<Case> sorted = collected.cases();
    std::ranges::sort(sorted, [](const Case& left, const Case& right) {
        return std::tuple{left.start.l1, left.ends_machine, std::string_view{left.name}} <
               std::tuple{right.start.l1, right.ends_machine, std::string_view{right.name}};
    });
    Catalogue catalogue;
    for (Case& one : sorted) {
        catalogue.add(std::move(one));
    }
    return catalogue;
}

} // namespace vmrunit::cases
