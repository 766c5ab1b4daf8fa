// SPDX-License-Identifier: GPL-2.0-only
// All cases there are. A table registers itself by a Registration in its own file, so that adding
// one touches no list; a catalogue is made from the registered tables and is a value like any
// other. Which cases no target has shown yet is no matter of their rows: a list has them.
#pragma once

#include "cases/model/case.hpp"

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace vmrunit::cases {

class Catalogue {
public:
    /// Adds a case. Throws std::logic_error if its name has a character outside [a-z0-9_/], or if
    /// it expects the machine's end without `ends_machine`: a table with such a row is a
    /// programming error.
    void add(Case added);

    [[nodiscard]] const std::vector<Case>& cases() const { return cases_; }
    /// nullptr if there is none of that name. Fast once the cases are in order.
    [[nodiscard]] const Case* find(std::string_view name) const;

    /// Link order must not show: by L1's mode, each of which has machines of its own, then by name,
    /// with what ends the machine last. Throws std::logic_error if two have the same name.
    void put_in_order();

    /// Cases of this name without its axes become unconfirmed: "intercept/cpuid/taken" in every
    /// mode. Once the cases are in order. Names that no case has are none of it.
    void mark_unconfirmed(std::string_view name);

private:
    std::vector<Case> cases_;
    std::vector<std::size_t> by_name_; ///< Places in `cases_`; empty until they are in order.
};

using TableFunction = void (*)(Catalogue&);

/// A table of this program; make it a constant at namespace scope.
struct Registration {
    explicit Registration(TableFunction table);
};

/// Names for Catalogue::mark_unconfirmed; likewise.
struct UnconfirmedRegistration {
    explicit UnconfirmedRegistration(std::span<const std::string_view> names);
};

/// The cases of every registered table in the order they run: by L1's mode, in each those that end
/// the machine last, else by name.
[[nodiscard]] Catalogue registered_cases();

} // namespace vmrunit::cases
