// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/catalogue.hpp"

#include <algorithm>
#include <numeric>
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
    if (expects_end(added) && !added.ends_machine) {
        throw std::logic_error("a case expects the machine's end and is not run last: " +
                               added.name);
    }
    const auto [place, fresh] = by_name_.emplace(added.name, cases_.size());
    if (!fresh) {
        throw std::logic_error("two cases are called " + place->first);
    }
    cases_.push_back(std::move(added));
}

const Case* Catalogue::find(std::string_view name) const {
    const auto found = by_name_.find(std::string{name});
    return found == by_name_.end() ? nullptr : &cases_[found->second];
}

Registration::Registration(TableFunction table) {
    tables().push_back(table);
}

void Catalogue::put_in_order() {
    std::vector<std::size_t> order(cases_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto key = [this](std::size_t at) {
        const Case& one = cases_[at];
        return std::tuple{one.start.l1, one.ends_machine, std::string_view{one.name}};
    };
    std::ranges::sort(order, {}, key);
    std::vector<Case> ordered;
    ordered.reserve(cases_.size());
    for (const std::size_t at : order) {
        by_name_.find(cases_[at].name)->second = ordered.size();
        ordered.push_back(std::move(cases_[at]));
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
