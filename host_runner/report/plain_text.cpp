// SPDX-License-Identifier: GPL-2.0-only
// See plain_text.hpp. One decoder of UTF-8 feeds three escapers that differ in what they let pass.
#include "host_runner/report/plain_text.hpp"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <optional>

namespace vmrunit::runner {
namespace {

struct Character {
    std::optional<char32_t> code; ///< Empty: the byte is not part of valid UTF-8.
    std::size_t length = 1;
};

Character first_character(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) {
        return {lead, 1};
    }
    std::size_t length = 0;
    char32_t code = 0;
    char32_t smallest = 0; // Below it the encoding is longer than it needs to be.
    if ((lead & 0xe0) == 0xc0) {
        length = 2, code = lead & 0x1f, smallest = 0x80;
    } else if ((lead & 0xf0) == 0xe0) {
        length = 3, code = lead & 0x0f, smallest = 0x800;
    } else if ((lead & 0xf8) == 0xf0) {
        length = 4, code = lead & 0x07, smallest = 0x10000;
    }
    if (length == 0 || text.size() < length) {
        return {};
    }
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xc0) != 0x80) {
            return {};
        }
        code = code << 6 | (byte(at) & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < smallest || code > 0x10ffff || surrogate) {
        return {};
    }
    return {code, length};
}

bool is_control(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/// Invisible characters that reorder or break what stands beside them.
bool is_layout(char32_t code) {
    return code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void append_escaped(std::string& out, char32_t code) {
    switch (code) {
    case '\n':
        out += "\\n";
        return;
    case '\r':
        out += "\\r";
        return;
    case '\t':
        out += "\\t";
        return;
    default:
        out += code < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(code))
                           : fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(code));
    }
}

/// Nothing but printable ASCII, as nearly all text is: worth a short way, with thousands of cases a
/// second.
bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

/// Copies `text`; `write(out, code, bytes)` decides about each valid character.
template<class Write>
std::string escaped(std::string_view text, Write write) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Character next = first_character(text);
        if (next.code) {
            write(out, *next.code, text.substr(0, next.length));
        } else {
            out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(text[0]));
        }
        text.remove_prefix(next.length);
    }
    return out;
}

} // namespace

std::string one_line(std::string_view text) {
    if (is_plain(text)) {
        return std::string{text};
    }
    return escaped(text, [](std::string& out, char32_t code, std::string_view bytes) {
        if (is_control(code) || is_layout(code)) {
            append_escaped(out, code);
        } else {
            out += bytes;
        }
    });
}

std::string valid_utf8(std::string_view text) {
    if (is_plain(text)) {
        return std::string{text};
    }
    return escaped(text, [](std::string& out, char32_t, std::string_view bytes) { out += bytes; });
}

std::string xml_escaped(std::string_view text) {
    return escaped(text, [](std::string& out, char32_t code, std::string_view bytes) {
        switch (code) {
        case '&':
            out += "&amp;";
            return;
        case '<':
            out += "&lt;";
            return;
        case '>':
            out += "&gt;";
            return;
        case '"':
            out += "&quot;";
            return;
        case '\n':
        case '\t':
            out += bytes;
            return;
        default:
            break;
        }
        // U+FFFE and U+FFFF are no characters to XML; a carriage return would be read as a newline.
        if (is_control(code) || is_layout(code) || (code & 0xfffe) == 0xfffe) {
            append_escaped(out, code);
        } else {
            out += bytes;
        }
    });
}

std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<std::uint8_t>(c) & 0xc0) != 0x80; }));
}

std::string fitted(std::string_view text, std::size_t width) {
    if (columns(text) <= width) {
        return std::string{text};
    }
    const std::string_view mark = width >= 4 ? ".." : "";
    std::string out;
    for (std::size_t used = 0; used + mark.size() < width; ++used) {
        const std::size_t length = first_character(text).length;
        out += text.substr(0, length);
        text.remove_prefix(length);
    }
    return out.append(mark);
}

std::string padded(std::string_view text, std::size_t width) {
    const std::size_t used = columns(text);
    return std::string{text}.append(used < width ? width - used : 0, ' ');
}

} // namespace vmrunit::runner
