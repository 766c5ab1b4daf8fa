// SPDX-License-Identifier: GPL-2.0-only
// Known deviations of one target: which cases fail there, in which way, why, and how that is known.
//
// A FAIL that an entry covers becomes XFAIL, a PASS becomes XPASS. An entry that pins the deviation
// (`expect`) covers that one only: a case that fails in another way, or in one more field, stays
// FAIL. SKIP and ERROR are never covered. docs/baselines.md describes the file.
#pragma once

#include "host_runner/baseline/stale_entry.hpp"
#include "host_runner/baseline/version.hpp"
#include "host_runner/error.hpp"
#include "host_runner/targets/target.hpp"
#include "host_runner/verdict.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// One thing that must be seen for the deviation to be the known one. Globs; empty: not looked at.
struct Pin {
    std::string field;
    std::string actual;
    std::string reason;    ///< Of the case: "triple fault*".
    bool optional = false; ///< Covers a field in some of the entry's cases only.
};

struct Deviation {
    std::vector<std::string> cases; ///< Globs.
    std::vector<std::string> except;
    std::string reason;
    std::string evidence;
    std::vector<Pin> expect;
    std::optional<Version> since; ///< First version that deviates.
    std::optional<Version> until; ///< First version that no longer does.
    SubjectFacts facts;           ///< That the subject must have; values are globs.
    /// Depends on when something else happens: its cases pass as well.
    bool intermittent = false;
    /// Comes with whatever else a case has: its fields may differ beside those of other entries.
    bool beside = false;
    /// Its cases are not run: each costs a machine, and all show the same.
    bool not_run = false;
    unsigned line = 0; ///< Of `case`.
    /// Of another target, which this one runs on: it may show here, and need not.
    bool inherited = false;
};

class Baseline {
public:
    Baseline() = default; ///< Covers nothing.
    [[nodiscard]] static Result<Baseline> load(const std::filesystem::path& path);
    /// FOLDER/NAME.toml, with what it includes and inherits; a target without a file has no known
    /// deviations.
    [[nodiscard]] static Result<Baseline> load_for(const std::filesystem::path& folder,
                                                   std::string_view name);
    /// `source` stands in messages.
    [[nodiscard]] static Result<Baseline> parse(std::string_view toml, const std::string& source);

    /// Leaves out the entries that do not hold for the subject: by its version, by facts it must
    /// have. An entry with a version range does not hold for a subject that does not say its
    /// version.
    void select_subject(const SubjectFacts& facts);

    /// Why a case is not to be run; empty if it is.
    [[nodiscard]] std::string why_not_run(std::string_view name) const;

    /// Does an entry that holds say that the case hangs?
    [[nodiscard]] bool expects_hang(std::string_view name) const;
    /// That it ends its machine, by a hang or otherwise?
    [[nodiscard]] bool expects_death(std::string_view name) const;

    /// Turns the verdict if an entry covers the result, and remembers that the entry was of use.
    void apply(CaseResult& result);

    /// Entries that name none of `known_names`; and, if every known case was run, those whose cases
    /// all passed or were covered by earlier entries.
    [[nodiscard]] std::vector<StaleEntry> stale(std::span<const std::string> known_names,
                                                bool every_case_ran) const;

    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] const std::string& source() const { return source_; }

private:
    [[nodiscard]] static Result<Baseline> load(const std::filesystem::path& path, unsigned depth);

    /// Does an entry that holds pin a reason that is `wanted`?
    template<class Wanted>
    [[nodiscard]] bool expects_reason(std::string_view name, Wanted&& wanted) const;

    /// The entries with `beside` whose deviation `result`, a FAIL, has; they have been of use.
    [[nodiscard]] std::vector<const Deviation*> seen_beside(const CaseResult& result);

    struct Entry {
        Deviation deviation;
        std::string source;       ///< The file it stands in.
        std::string version_fact; ///< What `since` and `until` of that file are about.
        bool included = false;    ///< Shared with other subjects, as `includes` of a file says.
        bool holds = true;
        std::size_t passed = 0;
        std::size_t failed = 0; ///< Covered or failing in another way: the entry is not idle.
        std::size_t covered_before = 0; ///< Cases that an earlier entry covered.
    };

    std::string source_;
    // Names of baselines in the same folder: whose entries are this subject's own as well, and
    // whose may show.
    std::vector<std::string> includes_;
    std::vector<std::string> inherits_;
    std::vector<Entry> entries_;
};

/// Is a PASS of its cases no news?
[[nodiscard]] inline bool may_pass(const Deviation& deviation) {
    return deviation.inherited || deviation.intermittent;
}

/// Does the entry name this case?
[[nodiscard]] bool names_case(const Deviation& deviation, std::string_view name);

/// Why `result`, a FAIL, is not the deviation that the entry describes, alone or with those in
/// `beside`; empty if it is.
[[nodiscard]] std::string differs_from(const Deviation& deviation, const CaseResult& result,
                                       std::span<const Deviation* const> beside = {});

} // namespace vmrunit::runner
