// SPDX-License-Identifier: GPL-2.0-only
// Globs, which baselines and filters share with the rules of coverage.
#pragma once

#include "cases/model/glob.hpp"

namespace vmrunit::runner {

using cases::glob_matches;

} // namespace vmrunit::runner
