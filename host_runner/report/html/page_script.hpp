// SPDX-License-Identifier: GPL-2.0-only
// The script of a page: what all pages share, around what is different from page to page.
#pragma once

#include <string>
#include <string_view>

namespace vmrunit::runner::html {

inline constexpr std::string_view start_script =
#include "host_runner/report/html/start_script.inc"
    ;
inline constexpr std::string_view filter_script =
#include "host_runner/report/html/filter_script.inc"
    ;

/// `cases_script` makes `cases` and `draw`, as filter_script.inc says.
[[nodiscard]] inline std::string page_script(std::string_view cases_script) {
    std::string script{start_script};
    script += cases_script;
    script += filter_script;
    return script;
}

} // namespace vmrunit::runner::html
