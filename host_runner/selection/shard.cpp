// SPDX-License-Identifier: GPL-2.0-only
// See shard.hpp.
#include "host_runner/selection/shard.hpp"

#include <charconv>
#include <cstdlib>
#include <fmt/format.h>
#include <optional>
#include <string_view>

namespace vmrunit::runner {

namespace {

constexpr const char* total_name = "GTEST_TOTAL_SHARDS";
constexpr const char* index_name = "GTEST_SHARD_INDEX";

std::optional<unsigned> number_from(std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{number}
                                                                    : std::nullopt;
}

} // namespace

Result<Shard> shard_from_environment() {
    const char* const total = std::getenv(total_name);
    const char* const index = std::getenv(index_name);
    if (total == nullptr && index == nullptr) {
        return Shard{};
    }
    const auto how_many = total == nullptr ? std::nullopt : number_from(total);
    const auto which = index == nullptr ? std::nullopt : number_from(index);
    if (!how_many || !which || *which >= *how_many) {
        return failure(fmt::format("{}={} with {}={} is no shard", total_name,
                                   total == nullptr ? "(unset)" : total, index_name,
                                   index == nullptr ? "(unset)" : index),
                       "set both: the number of shards, and this one's, from 0");
    }
    return Shard{*which, *how_many};
}

} // namespace vmrunit::runner
