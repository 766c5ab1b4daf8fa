// SPDX-License-Identifier: GPL-2.0-only
// A baseline entry that no longer earns its place: it names no case, or what it excuses no longer
// happens. Apart from baseline.hpp so that reports need not know how baselines are kept.
#pragma once

#include <string>

namespace vmrunit::runner {

struct StaleEntry {
    std::string file;  ///< "baselines/qemu-tcg-7.2.toml"
    unsigned line = 0; ///< Of the entry's `case` key.
    std::string cases; ///< Its globs, as written, with commas between.
    std::string why;   ///< "names no case", "every case it covers passes".
};

} // namespace vmrunit::runner
