// SPDX-License-Identifier: GPL-2.0-only
// All cases there are. A table registers itself by a Registration in its own file, so that adding
// one touches no list; a catalogue is made from the registered tables and is a value like any
// other.
#pragma once

#include "cases/model/case.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vmrunit::cases {

class Catalogue {
public:
    /// Adds a case. Throws std::logic_error if the name is taken or has a character outside
    /// [a-z0-9_/], or if it expects the machine's end without `ends_machine`: a table with such a
    /// row is a programming error.
    void add(Case added);

    [[nodiscard]] const std::vector<Case>& cases() const { return cases_; }
    /// nullptr if there is none of that name.
    [[nodiscard]] const Case* find(std::string_view name) const;

    /// Link order must not show: by L1's mode, each of which has machines of its own, then by name,
    /// with what ends the machine last.
    void put_in_order();

private:
    std::vector<Case> cases_;
    std::unordered_map<std::string, std::size_t> by_name_;
};

using TableFunction = void (*)(Catalogue&);

/// A table of this program; make it a constant at namespace scope.
struct Registration {
    explicit Registration(TableFunction table);
};

/// The cases of every registered table in the order they run: by L1's mode, in each those that end
/// the machine last, else by name.
[[nodiscard]] Catalogue registered_cases();

} // namespace vmrunit::cases
