// SPDX-License-Identifier: GPL-2.0-only
// A run as KCIDB knows it: its I/O schema, version 5.3. One test for each case, of a build that the
// submitter has reported or will.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <optional>
#include <string>

namespace vmrunit::runner {

struct KcidbNames {
    std::string build; ///< Id of the build that was tested: "ORIGIN:ID".

    /// The CI system: what stands before the colon.
    [[nodiscard]] std::string origin() const { return build.substr(0, build.find(':')); }
};

/// What is wrong with a build's id.
[[nodiscard]] std::optional<Error> bad_build_id(const std::string& build);

[[nodiscard]] std::string kcidb_report(const RunRecord& record, const KcidbNames& names);

} // namespace vmrunit::runner
