// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/catalogue.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
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
    if (expects_end(added) && !added.ends_machine) {
        throw std::logic_error("a case expects the machine's end and is not run last: " +
                               added.name);
    }
    cases_.push_back(std::move(added));
    by_name_.clear();
}

const Case* Catalogue::find(std::string_view name) const {
    if (by_name_.empty()) {
        const auto found = std::ranges::find(cases_, name, &Case::name);
        return found == cases_.end() ? nullptr : &*found;
    }
    const auto name_at = [this](std::size_t at) { return std::string_view{cases_[at].name}; };
    const auto found = std::ranges::lower_bound(by_name_, name, {}, name_at);
    return found == by_name_.end() || name_at(*found) != name ? nullptr : &cases_[*found];
}

Registration::Registration(TableFunction table) {
    tables().push_back(table);
}

void Catalogue::put_in_order() {
    // The names once, beside each other: of 200000 cases what costs time is to reach the string.
    struct Named {
        std::string_view name;
        std::size_t at;
    };
    std::vector<Named> names;
    names.reserve(cases_.size());
    for (const Case& one : cases_) {
        names.push_back({one.name, names.size()});
    }
    std::ranges::sort(names, {}, &Named::name);
    const auto twice = std::ranges::adjacent_find(names, {}, &Named::name);
    if (twice != names.end()) {
        throw std::logic_error("two cases are called " + std::string{twice->name});
    }

    std::vector<std::size_t> order(names.size()); // places in `names`
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t place) {
        const Case& one = cases_[names[place].at];
        return std::pair{one.start.l1, one.ends_machine};
    });
    std::vector<Case> ordered;
    ordered.reserve(order.size());
    by_name_.resize(order.size());
    for (const std::size_t place : order) {
        by_name_[place] = ordered.size();
        ordered.push_back(std::move(cases_[names[place].at]));
    }
    cases_ = std::move(ordered);
}

Catalogue registered_cases() {
    Catalogue catalogue;
    for (const TableFunction table : tables()) {
        table(catalogue);
    }
    catalogue.put_in_order();
    return catalogue;
}

} // namespace vmrunit::cases
