// SPDX-License-Identifier: GPL-2.0-only
// Text that came from a guest, an emulator or a file, made harmless for the place it is shown in.
//
// A broken guest can log escape sequences that recolour a terminal, a newline that forges a KTAP
// result, or bytes that no XML parser accepts. What is not harmless appears as \xNN or \u{NNNN}.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vmrunit::runner {

/// For one line on a terminal or in KTAP: control characters (newline and tab too), invalid UTF-8
/// and characters that change the writing direction are escaped.
[[nodiscard]] std::string one_line(std::string_view text);

/// For JSON: valid UTF-8; JSON's own escapes take care of the rest.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// For XML 1.0, as text or attribute value: illegal characters escaped as above, markup as
/// entities. Newlines and tabs stay.
[[nodiscard]] std::string xml_escaped(std::string_view text);

/// Columns on a terminal, one for each character of valid UTF-8.
[[nodiscard]] std::size_t columns(std::string_view text);

/// The start of `text` that fits, with ".." at its end if something was left out.
[[nodiscard]] std::string fitted(std::string_view text, std::size_t width);

/// `text` and blanks up to `width` columns.
[[nodiscard]] std::string padded(std::string_view text, std::size_t width);

} // namespace vmrunit::runner
