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

/// Likewise.
std::vector<std::string_view>& unconfirmed_names() {
    static std::vector<std::string_view> list;
    return list;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Whether words of a name begin with a value of an axis, behind which there are only others
/// (full_name()): "l2_pae/cpl0", "np1", "l1_pae".
bool begins_with_axis(std::string_view words) {
    const std::string_view word = words.substr(0, words.find('/'));
    const auto numbered = [&](std::string_view axis) {
        return word.size() == axis.size() + 1 && word.starts_with(axis) && is_digit(word.back());
    };
    return word.starts_with("l2_") || word.starts_with("l1_") || numbered("cpl") || numbered("np");
}

bool is_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '/';
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

void Catalogue::mark_unconfirmed(std::string_view name) {
    const auto name_at = [this](std::size_t at) { return std::string_view{cases_[at].name}; };
    for (auto at = std::ranges::lower_bound(by_name_, name, {}, name_at);
         at != by_name_.end() && name_at(*at).starts_with(name); ++at) {
        const std::string_view behind = name_at(*at).substr(name.size());
        if (behind.empty() || (behind.front() == '/' && begins_with_axis(behind.substr(1)))) {
            cases_[*at].confirmed = false;
        }
    }
}

UnconfirmedRegistration::UnconfirmedRegistration(std::span<const std::string_view> names) {
    unconfirmed_names().insert(unconfirmed_names().end(), names.begin(), names.end());
}

Catalogue registered_cases() {
    Catalogue catalogue;
    for (const TableFunction table : tables()) {
        table(catalogue);
    }
    catalogue.put_in_order();
    for (const std::string_view name : unconfirmed_names()) {
        catalogue.mark_unconfirmed(name);
    }
    return catalogue;
}

} // namespace vmrunit::cases
