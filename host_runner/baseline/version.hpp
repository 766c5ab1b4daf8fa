// SPDX-License-Identifier: GPL-2.0-only
// Order of version numbers: "7.2.22" before "10.0". What stands behind the numbers is ignored
// ("6.1.0-30-amd64" is 6.1.0), and missing parts are zero.
#pragma once

#include <compare>
#include <optional>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

class Version {
public:
    /// Empty if `text` does not begin with a number.
    [[nodiscard]] static std::optional<Version> parse(std::string_view text);

    [[nodiscard]] std::strong_ordering operator<=>(const Version& other) const;
    [[nodiscard]] bool operator==(const Version& other) const { return (*this <=> other) == 0; }

private:
    std::vector<unsigned> parts_;
};

} // namespace vmrunit::runner
