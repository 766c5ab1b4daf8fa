// SPDX-License-Identifier: GPL-2.0-only
// The last bytes of a stream.
#include "host_runner/process/text_tail.hpp"

#include <array>
#include <cerrno>
#include <unistd.h>

namespace vmrunit::runner {

void TextTail::append(std::string_view text) {
    text_.append(text);
    if (text_.size() > bound_) {
        text_.erase(0, text_.size() - bound_);
    }
}

Arrival TextTail::read_from(int descriptor) {
    std::array<char, 4096> buffer{};
    auto arrival = Arrival::nothing;
    for (int turn = 0; turn < 16; ++turn) {
        const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
        if (count > 0) {
            append({buffer.data(), static_cast<std::size_t>(count)});
            arrival = Arrival::bytes;
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else {
            return count < 0 && errno == EAGAIN ? arrival : Arrival::end;
        }
    }
    return arrival;
}

std::string TextTail::last_line() const {
    std::string_view rest{text_};
    while (!rest.empty()) {
        const auto newline = rest.rfind('\n');
        auto line = printable(newline == std::string_view::npos ? rest : rest.substr(newline + 1));
        if (!line.empty()) {
            return line;
        }
        rest = rest.substr(0, newline == std::string_view::npos ? 0 : newline);
    }
    return {};
}

std::string printable(std::string_view text, std::size_t limit) {
    constexpr std::string_view white{" \t\r\n\0", 5};
    const auto first = text.find_first_not_of(white);
    if (first == std::string_view::npos) {
        return {};
    }
    text = text.substr(first, text.find_last_not_of(white) + 1 - first);
    if (text.size() > limit) {
        text = text.substr(text.size() - limit);
    }
    std::string line{text};
    for (auto& character : line) {
        if (character < ' ' || character > '~') {
            character = character == '\n' || character == '\t' ? ' ' : '.';
        }
    }
    return line;
}

} // namespace vmrunit::runner
