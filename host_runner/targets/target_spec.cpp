// SPDX-License-Identifier: GPL-2.0-only
// Parses the name of a target.
#include "host_runner/targets/target_spec.hpp"

#include <algorithm>
#include <charconv>

namespace vmrunit::runner {

namespace {

constexpr std::string_view grammar = "a target is written name[:subject][@where][,key=value]...";

std::string in_quotes(std::string_view text) {
    return "'" + std::string{text} + "'";
}

auto bad(std::string_view text, const std::string& why) {
    return failure("target " + in_quotes(text) + ": " + why, std::string{grammar});
}

bool is_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char character) {
        return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') ||
               character == '-';
    });
}

/// Cuts `text` at the first `mark` and returns what was behind it.
std::optional<std::string_view> cut(std::string_view& text, char mark) {
    const auto at = text.find(mark);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const auto behind = text.substr(at + 1);
    text = text.substr(0, at);
    return behind;
}

} // namespace

Result<TargetSpec> TargetSpec::parse(std::string_view text) {
    TargetSpec spec;
    spec.text = text;
    auto head = text;
    auto settings = cut(head, ',');
    const auto where = cut(head, '@');
    const auto subject = cut(head, ':');
    if (!is_name(head)) {
        return bad(text, head.empty() ? "no name" : in_quotes(head) + " is not a name");
    }
    if (where && where->empty()) {
        return bad(text, "nothing after '@'");
    }
    if (subject && subject->empty()) {
        return bad(text, "nothing after ':'");
    }
    spec.name = head;
    spec.where = where.value_or("");
    spec.subject = subject.value_or("");
    while (settings) {
        auto key = *settings;
        settings = cut(key, ',');
        const auto setting = key;
        const auto value = cut(key, '=');
        if (!value || key.empty() || value->empty()) {
            return bad(text, in_quotes(setting) + " is not key=value");
        }
        if (std::ranges::find(spec.settings, key, &Setting::first) != spec.settings.end()) {
            return bad(text, "key " + in_quotes(key) + " given twice");
        }
        spec.settings.emplace_back(key, *value);
    }
    return spec;
}

std::optional<std::string> TargetSpec::take(std::string_view key) {
    const auto found = std::ranges::find(settings, key, &Setting::first);
    if (found == settings.end()) {
        return std::nullopt;
    }
    auto value = std::move(found->second);
    settings.erase(found);
    return value;
}

Result<std::optional<unsigned>> TargetSpec::take_number(std::string_view key, unsigned least,
                                                        unsigned most) {
    const auto value = take(key);
    if (!value) {
        return std::optional<unsigned>{};
    }
    unsigned number = 0;
    const char* const end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, number);
    if (error != std::errc{} || stop != end || number < least || number > most) {
        return failure("target " + in_quotes(text) + ": " + std::string{key} + "=" + *value,
                       "it is a number from " + std::to_string(least) + " to " +
                           std::to_string(most));
    }
    return std::optional{number};
}

std::optional<bool> parse_switch(std::string_view value) {
    if (value == "on" || value == "yes" || value == "1" || value == "true") {
        return true;
    }
    if (value == "off" || value == "no" || value == "0" || value == "false") {
        return false;
    }
    return std::nullopt;
}

} // namespace vmrunit::runner
