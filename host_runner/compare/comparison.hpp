// SPDX-License-Identifier: GPL-2.0-only
// What is different between two runs, case by case: what broke, what was mended, what is no longer
// tested, and what ends as before but looks otherwise.
#pragma once

#include "host_runner/report/run_record.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// In the order of their weight.
enum class ChangeKind : std::uint8_t {
    new_failure,       ///< FAIL or ERROR that was none before, or was no case.
    newly_skipped,     ///< Had a verdict about the subject, is skipped now.
    lost,              ///< Had a verdict, was not run now.
    changed_detail,    ///< Same verdict, another exit code or other fields.
    now_known,         ///< Deviates as its baseline says, and did not before, or was a FAIL.
    newly_flaky,       ///< Failed and passed in the same run, and did not before.
    fixed,             ///< FAIL, ERROR or a known deviation that passes now.
    no_longer_skipped, ///< Has a verdict that is not wrong now.
    added,             ///< Was not run before, and is not wrong.
};

struct ChangeKindInfo {
    std::string_view title;
    std::string_view one;  ///< "1 new failure"
    std::string_view more; ///< "2 new failures"
};

inline constexpr std::array<ChangeKindInfo, 9> change_kinds{{
    // clang-format off
    {"New failures",          "new failure",             "new failures"},
    {"Newly skipped",         "newly skipped",           "newly skipped"},
    {"No longer run",         "no longer run",           "no longer run"},
    {"Same verdict, changed", "changed in detail",       "changed in detail"},
    {"Known deviations now",  "now a known deviation",   "now known deviations"},
    {"Newly flaky",           "newly flaky",             "newly flaky"},
    {"Fixed",                 "fixed",                   "fixed"},
    {"No longer skipped",     "no longer skipped",       "no longer skipped"},
    {"New cases",             "new case",                "new cases"},
    // clang-format on
}};

[[nodiscard]] constexpr const ChangeKindInfo& info_of(ChangeKind kind) {
    return change_kinds[static_cast<std::size_t>(kind)];
}

/// Pointers are into the two records that were compared; one of them may be null.
struct CaseChange {
    const CaseResult* before = nullptr;
    const CaseResult* after = nullptr;

    [[nodiscard]] const std::string& name() const {
        return after != nullptr ? after->name : before->name;
    }
};

/// Cases that changed in the same way.
struct ChangeGroup {
    ChangeKind kind{};
    std::string what; ///< "PASS -> FAIL  control.exit_code 0x075 swint, not 0x043 bp". One line.
    std::vector<CaseChange> cases; ///< By name.
};

struct Comparison {
    const RunRecord* before = nullptr;
    const RunRecord* after = nullptr;
    std::vector<ChangeGroup> groups; ///< By kind, the largest first.
    std::size_t common = 0;          ///< Cases that both ran.
    std::size_t unchanged = 0;
    bool same_payload = true; ///< false: addresses may differ for that reason and are not compared.

    [[nodiscard]] std::size_t count(ChangeKind kind) const;
    /// Something is worse; `strict` counts a case that is not tested any more as worse.
    [[nodiscard]] bool regressed(bool strict) const;
};

/// Leaves of `record` only the results of cases that `other` ran too: a run of a few cases has not
/// lost the rest.
void keep_common(RunRecord& record, const RunRecord& other);

/// The records outlive the comparison. Of a case that was run several times its worst result
/// counts.
[[nodiscard]] Comparison compare(const RunRecord& before, const RunRecord& after);

} // namespace vmrunit::runner
