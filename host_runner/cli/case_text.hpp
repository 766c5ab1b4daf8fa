// SPDX-License-Identifier: GPL-2.0-only
// A case in words, made from its data: what `vmrunit show` prints.
#pragma once

#include "cases/model/case.hpp"
#include "host_runner/plan/resolver.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace vmrunit::runner {

/// Set-up, program and expectation, lines ended by newlines. `resolve` gives addresses.
[[nodiscard]] std::string case_text(const cases::Case& subject, const Resolver& resolve);

/// As case_text, for a page that shows cases of a payload; empty where the file is no payload.
[[nodiscard]] std::function<std::string(const cases::Case&)>
case_definitions(const std::filesystem::path& payload);

/// The features a case needs, "np, nrips"; empty for none.
[[nodiscard]] std::string feature_names(const svm::Features& features);

} // namespace vmrunit::runner
