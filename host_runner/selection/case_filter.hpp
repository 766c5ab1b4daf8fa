// SPDX-License-Identifier: GPL-2.0-only
// Which cases a command is about: globs over full names, with exclusions.
//
//     intercept/cpuid          everything below it, as a folder
//     */taken/*  !*/l2_pae/*   the first, without the second
#pragma once

#include "cases/model/catalogue.hpp"
#include "host_runner/error.hpp"

#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// The cases that one of `patterns` selects (all, if none selects) and no pattern that begins with
/// `!` excludes, in the catalogue's order. A pattern that matches no case at all is an error: it is
/// misspelt, and silence would hide that.
[[nodiscard]] Result<std::vector<const cases::Case*>>
select_cases(const cases::Catalogue& catalogue, std::span<const std::string> patterns);

} // namespace vmrunit::runner
