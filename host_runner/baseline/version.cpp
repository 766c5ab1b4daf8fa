// SPDX-License-Identifier: GPL-2.0-only
// See version.hpp.
#include "host_runner/baseline/version.hpp"

#include <algorithm>
#include <charconv>

namespace vmrunit::runner {

std::optional<Version> Version::parse(std::string_view text) {
    Version version;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (true) {
        unsigned part = 0;
        const auto parsed = std::from_chars(at, end, part);
        if (parsed.ec != std::errc{}) {
            break;
        }
        version.parts_.push_back(part);
        if (parsed.ptr == end || *parsed.ptr != '.') {
            break;
        }
        at = parsed.ptr + 1;
    }
    return version.parts_.empty() ? std::nullopt : std::optional{std::move(version)};
}

std::strong_ordering Version::operator<=>(const Version& other) const {
    const auto part = [](const Version& version, std::size_t at) {
        return at < version.parts_.size() ? version.parts_[at] : 0;
    };
    for (std::size_t at = 0; at < std::max(parts_.size(), other.parts_.size()); ++at) {
        if (const auto order = part(*this, at) <=> part(other, at); order != 0) {
            return order;
        }
    }
    return std::strong_ordering::equal;
}

} // namespace vmrunit::runner
