// SPDX-License-Identifier: GPL-2.0-only
// Comparing versions.
#include "host_runner/debian/package_version.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace vmrunit::runner {

namespace {

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

} // namespace

bool version_covers(std::string_view wanted, std::string_view version) {
    if (wanted.empty() || !version.starts_with(wanted)) {
        return false;
    }
    const auto rest = version.substr(wanted.size());
    return rest.empty() || rest.front() < '0' || rest.front() > '9';
}

bool version_is_older(std::string_view one, std::string_view other) {
    const auto is_digit = [](char character) { return character >= '0' && character <= '9'; };
    while (!one.empty() && !other.empty()) {
        if (is_digit(one.front()) && is_digit(other.front())) {
            const auto mine = number_in(one);
            const auto theirs = number_in(other);
            if (mine != theirs) {
                return mine < theirs;
            }
            one.remove_prefix(std::min(one.find_first_not_of("0123456789"), one.size()));
            other.remove_prefix(std::min(other.find_first_not_of("0123456789"), other.size()));
        } else if (one.front() != other.front()) {
            // A tilde comes before everything, the end too (deb-version(7)).
            return one.front() == '~' || (other.front() != '~' && one.front() < other.front());
        } else {
            one.remove_prefix(1);
            other.remove_prefix(1);
        }
    }
    return one.empty() ? !other.empty() && other.front() != '~' : one.front() == '~';
}

} // namespace vmrunit::runner
