// SPDX-License-Identifier: GPL-2.0-only
// Status lines, written and read. The reader's lines come from a machine under test.
#include "host_runner/kvm_worker/worker_status.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace vmrunit::worker {

namespace {

constexpr std::string_view prefix = "vmrunit-worker ";
constexpr std::size_t most_detail = 1000;

constexpr std::array<std::pair<HowEnded, std::string_view>, 14> how_words{{
    {HowEnded::finished, "finished"},
    {HowEnded::halted, "halted"},
    {HowEnded::hung, "hung"},
    {HowEnded::stuck, "stuck"},
    {HowEnded::shutdown, "shutdown"},
    {HowEnded::internal_error, "internal_error"},
    {HowEnded::failed_entry, "failed_entry"},
    {HowEnded::system_event, "system_event"},
    {HowEnded::unexpected_exit, "unexpected_exit"},
    {HowEnded::run_failed, "run_failed"},
    {HowEnded::stream_lost, "stream_lost"},
    {HowEnded::stopped, "stopped"},
    {HowEnded::not_started, "not_started"},
    {HowEnded::process_died, "process_died"},
}};

constexpr std::array<std::pair<StatusKind, std::string_view>, 4> kind_words{{
    {StatusKind::ready, "ready"},
    {StatusKind::started, "started"},
    {StatusKind::ended, "ended"},
    {StatusKind::refused, "refused"},
}};

template<class Value, std::size_t count>
std::optional<Value> find(const std::array<std::pair<Value, std::string_view>, count>& words,
                          std::string_view wanted) {
    for (const auto& [value, word] : words) {
        if (word == wanted) {
            return value;
        }
    }
    return std::nullopt;
}

template<class Number>
bool read_number(std::string_view text, Number& number) {
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stop == end;
}

std::string one_line(std::string_view text) {
    std::string line;
    for (const char character : text.substr(0, most_detail)) {
        line += character >= ' ' && character <= '~' ? character : '.';
    }
    return line;
}

} // namespace

std::string_view to_string(HowEnded how) {
    for (const auto& [value, word] : how_words) {
        if (value == how) {
            return word;
        }
    }
    return "unknown";
}

std::string format_status(const StatusMessage& message) {
    std::string line{prefix};
    for (const auto& [value, word] : kind_words) {
        if (value == message.kind) {
            line += word;
        }
    }
    if (message.kind == StatusKind::ready) {
        line += " protocol=" + std::to_string(protocol_version);
    } else {
        line += " request=" + std::to_string(message.request);
    }
    if (message.kind == StatusKind::ended) {
        line += " how=" + std::string{to_string(message.how)};
        line += " stream=" + std::to_string(message.stream);
    }
    if (!message.detail.empty()) {
        line += " detail=" + one_line(message.detail);
    }
    return line + '\n';
}

std::optional<StatusMessage> parse_status(std::string_view line) {
    // A console puts things before a line (a time stamp of the kernel's) and behind it (a return).
    const auto at = line.find(prefix);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    line.remove_prefix(at + prefix.size());
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
        line.remove_suffix(1);
    }
    const auto word = line.substr(0, line.find(' '));
    const auto kind = find(kind_words, word);
    if (!kind) {
        return std::nullopt;
    }
    StatusMessage message;
    message.kind = *kind;
    line.remove_prefix(word.size());
    bool knows_how = false;
    bool knows_number = false;
    while (line.starts_with(' ')) {
        line.remove_prefix(1);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) {
            return std::nullopt;
        }
        const auto key = line.substr(0, equals);
        line.remove_prefix(equals + 1);
        if (key == "detail") {
            message.detail = one_line(line);
            line = {};
            break;
        }
        const auto value = line.substr(0, line.find(' '));
        line.remove_prefix(value.size());
        if (key == "request" || key == "protocol") {
            std::uint32_t number = 0;
            knows_number = read_number(value, number);
            const bool is_request = key == "request";
            if (!knows_number || is_request == (*kind == StatusKind::ready) ||
                (!is_request && number != protocol_version)) {
                return std::nullopt;
            }
            message.request = is_request ? number : 0;
        } else if (key == "how") {
            const auto how = find(how_words, value);
            if (!how) {
                return std::nullopt;
            }
            message.how = *how;
            knows_how = true;
        } else if (key == "stream") {
            if (!read_number(value, message.stream)) {
                return std::nullopt;
            }
        } else {
            return std::nullopt;
        }
    }
    if (!line.empty() || !knows_number || knows_how != (*kind == StatusKind::ended)) {
        return std::nullopt;
    }
    return message;
}

} // namespace vmrunit::worker
