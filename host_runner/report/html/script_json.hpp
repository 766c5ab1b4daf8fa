// SPDX-License-Identifier: GPL-2.0-only
// JSON that may stand inside a script element, whatever text is in it.
#pragma once

#include "host_runner/report/json_values.hpp"

#include <string>

namespace vmrunit::runner::html {

/// Nothing in it ends the element, or opens a comment.
[[nodiscard]] inline std::string script_json(const Json& value) {
    std::string text = dumped(value);
    for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos; at += 6) {
        text.replace(at, 1, "\\u003c");
    }
    return text;
}

} // namespace vmrunit::runner::html
