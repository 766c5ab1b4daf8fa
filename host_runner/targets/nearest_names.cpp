// SPDX-License-Identifier: GPL-2.0-only
// What somebody may have meant: edit distance (Levenshtein), upper and lower case being the same.
#include "host_runner/targets/nearest_names.hpp"

#include <algorithm>
#include <utility>

namespace vmrunit::runner {

namespace {

std::string lower(std::string_view text) {
    std::string result{text};
    std::ranges::transform(result, result.begin(), [](char character) {
        return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a')
                                                    : character;
    });
    return result;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1); // distances of a's beginning to b's beginnings
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

} // namespace

std::vector<std::string> nearest_names(std::string_view word,
                                       const std::vector<std::string>& candidates,
                                       std::size_t limit) {
    const auto wanted = lower(word);
    // Two letters swapped are a distance of two.
    const std::size_t farthest = std::max<std::size_t>(wanted.size() / 3, 2);
    std::vector<std::pair<std::size_t, std::string>> near;
    for (const auto& candidate : candidates) {
        const auto name = lower(candidate);
        const auto distance = edit_distance(wanted, name);
        const bool begins = wanted.size() >= 2 && name.starts_with(wanted);
        if ((distance <= farthest && distance < wanted.size()) || begins) {
            near.emplace_back(std::min(distance, begins ? farthest + 1 : distance), candidate);
        }
    }
    std::ranges::sort(near);
    std::vector<std::string> names;
    for (const auto& [distance, name] : near) {
        if (names.size() < limit) {
            names.push_back(name);
        }
    }
    return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    const auto names = nearest_names(word, candidates);
    if (names.empty()) {
        return {};
    }
    std::string text = "did you mean " + names.front();
    for (std::size_t i = 1; i < names.size(); ++i) {
        text += (i + 1 == names.size() ? " or " : ", ") + names[i];
    }
    return text + "?";
}

} // namespace vmrunit::runner
