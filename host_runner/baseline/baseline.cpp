// SPDX-License-Identifier: GPL-2.0-only
// See baseline.hpp. How a baseline is applied; baseline_file.cpp reads it.
#include "host_runner/baseline/baseline.hpp"
#include "host_runner/baseline/glob.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vmrunit::runner {
namespace {

bool any_matches(const std::vector<std::string>& globs, std::string_view name) {
    return std::ranges::any_of(globs,
                               [&](const std::string& glob) { return glob_matches(glob, name); });
}

bool covers(const Pin& pin, const FieldDifference& field) {
    return !pin.field.empty() && glob_matches(pin.field, field.field) &&
           (pin.actual.empty() || glob_matches(pin.actual, field.actual));
}

bool is_met(const Pin& pin, const CaseResult& result) {
    if (!pin.reason.empty()) {
        return glob_matches(pin.reason, result.reason);
    }
    return std::ranges::any_of(result.fields, [&](const FieldDifference& field) {
        return !field.matches && covers(pin, field);
    });
}

/// What must be seen and is not; null if all is.
const Pin* missing_pin(const Deviation& deviation, const CaseResult& result) {
    const auto missing = std::ranges::find_if(
        deviation.expect, [&](const Pin& pin) { return !pin.optional && !is_met(pin, result); });
    return missing == deviation.expect.end() ? nullptr : &*missing;
}

bool pins(const Deviation& deviation, const FieldDifference& field) {
    return std::ranges::any_of(deviation.expect,
                               [&](const Pin& pin) { return covers(pin, field); });
}

/// Nothing of the deviation is seen: what fails is others', which are known.
bool is_cured(const Deviation& deviation, const CaseResult& result,
              std::span<const Deviation* const> beside) {
    const auto known = [&](const FieldDifference& field) {
        return field.matches || std::ranges::any_of(beside, [&](const Deviation* other) {
                   return other != &deviation && pins(*other, field);
               });
    };
    return !result.fields.empty() && missing_pin(deviation, result) != nullptr &&
           std::ranges::all_of(result.fields, known);
}

/// "!0": the subject is anything but 0, or does not say.
bool has_fact(const SubjectFacts& subject, const std::string& name, std::string_view value) {
    const bool must_not = value.starts_with('!');
    value.remove_prefix(must_not ? 1 : 0);
    const bool has = std::ranges::any_of(subject, [&](const auto& fact) {
        return fact.first == name && glob_matches(value, fact.second);
    });
    return has != must_not;
}

bool has_facts(const SubjectFacts& subject, const SubjectFacts& wanted) {
    return std::ranges::all_of(
        wanted, [&](const auto& one) { return has_fact(subject, one.first, one.second); });
}

std::string in_words(const Pin& pin) {
    if (!pin.reason.empty()) {
        return fmt::format("\"{}\"", pin.reason);
    }
    return pin.actual.empty() ? fmt::format("a difference in {}", pin.field)
                              : fmt::format("{} = {}", pin.field, pin.actual);
}

} // namespace

bool names_case(const Deviation& deviation, std::string_view name) {
    return any_matches(deviation.cases, name) && !any_matches(deviation.except, name);
}

std::string differs_from(const Deviation& deviation, const CaseResult& result,
                         std::span<const Deviation* const> beside) {
    if (deviation.expect.empty()) {
        return {};
    }
    if (const Pin* pin = missing_pin(deviation, result)) {
        return fmt::format("it expects {}", in_words(*pin));
    }
    for (const FieldDifference& field : result.fields) {
        const bool pinned =
            pins(deviation, field) || std::ranges::any_of(beside, [&](const Deviation* other) {
                return pins(*other, field);
            });
        if (!field.matches && !pinned) {
            return fmt::format("it does not know of {} = {}", field.field, field.actual);
        }
    }
    return {};
}

void Baseline::select_subject(const SubjectFacts& facts) {
    for (Entry& entry : entries_) {
        const auto fact =
            std::ranges::find(facts, entry.version_fact, &SubjectFacts::value_type::first);
        const auto version =
            fact == facts.end() ? std::nullopt : Version::parse(std::string_view{fact->second});
        const Deviation& deviation = entry.deviation;
        const bool ranged = deviation.since || deviation.until;
        entry.holds = !ranged || (version && (!deviation.since || *version >= *deviation.since) &&
                                  (!deviation.until || *version < *deviation.until));
        entry.holds = entry.holds && has_facts(facts, deviation.facts);
    }
}

std::string Baseline::why_not_run(std::string_view name) const {
    for (const Entry& entry : entries_) {
        const Deviation& deviation = entry.deviation;
        if (entry.holds && deviation.not_run && !deviation.inherited &&
            names_case(deviation, name)) {
            return fmt::format("not run, as {}:{} says: {}", entry.source, deviation.line,
                               deviation.reason);
        }
    }
    return {};
}

template<class Wanted>
bool Baseline::expects_reason(std::string_view name, Wanted&& wanted) const {
    return std::ranges::any_of(entries_, [&](const Entry& entry) {
        return entry.holds && std::ranges::any_of(entry.deviation.expect, wanted, &Pin::reason) &&
               names_case(entry.deviation, name);
    });
}

bool Baseline::expects_hang(std::string_view name) const {
    return expects_reason(name,
                          [](const std::string& reason) { return reason.starts_with("hang"); });
}

bool Baseline::expects_death(std::string_view name) const {
    return expects_reason(name, [](const std::string& reason) { return !reason.empty(); });
}

std::vector<const Deviation*> Baseline::seen_beside(const CaseResult& result) {
    std::vector<const Deviation*> seen;
    for (Entry& entry : entries_) {
        const Deviation& deviation = entry.deviation;
        if (deviation.beside && entry.holds && names_case(deviation, result.name) &&
            missing_pin(deviation, result) == nullptr) {
            ++entry.failed;
            seen.push_back(&deviation);
        }
    }
    return seen;
}

void Baseline::apply(CaseResult& result) {
    if (result.verdict != Verdict::fail && result.verdict != Verdict::pass) {
        return;
    }
    const std::vector<const Deviation*> beside =
        result.verdict == Verdict::fail ? seen_beside(result) : std::vector<const Deviation*>{};
    std::string other_deviation;
    bool covered = false;
    for (Entry& entry : entries_) {
        const Deviation& deviation = entry.deviation;
        // Without `expect`, `run = false` says what is not run, not what may be seen.
        const bool only_not_run = deviation.not_run && deviation.expect.empty();
        if (!entry.holds || only_not_run || !names_case(deviation, result.name)) {
            continue;
        }
        if (covered) {
            ++entry.covered_before;
            continue;
        }
        if (result.verdict == Verdict::pass || result.verdict == Verdict::unexpected_pass) {
            ++entry.passed;
            if (result.verdict == Verdict::pass && !may_pass(deviation)) {
                result.verdict = Verdict::unexpected_pass;
                result.reason = fmt::format("passes although {}:{} expects: {}", entry.source,
                                            deviation.line, deviation.reason);
            }
            continue;
        }
        if (is_cured(deviation, result, beside)) {
            ++entry.passed;
            continue;
        }
        ++entry.failed;
        const std::string difference = differs_from(deviation, result, beside);
        if (difference.empty()) {
            result.verdict = Verdict::expected_fail;
            result.intermittent = deviation.intermittent;
            // A death has no fields to show, so how the guest died must not be lost.
            result.reason = result.fields.empty() && !result.reason.empty()
                                ? fmt::format("{}{}{})", deviation.reason, seen_mark, result.reason)
                                : deviation.reason;
            covered = true;
            continue;
        }
        if (other_deviation.empty()) {
            other_deviation = fmt::format("deviates differently than {}:{} says: {}", entry.source,
                                          deviation.line, difference);
        }
    }
    if (!covered && !other_deviation.empty()) {
        result.reason += (result.reason.empty() ? "" : "; ") + other_deviation;
    }
}

std::vector<StaleEntry> Baseline::stale(std::span<const std::string> known_names,
                                        bool every_case_ran) const {
    std::vector<StaleEntry> found;
    for (const Entry& entry : entries_) {
        const Deviation& deviation = entry.deviation;
        std::string why;
        if (deviation.inherited) {
            continue; // the file it stands in is looked after where it belongs
        }
        if (std::ranges::none_of(known_names, [&](const std::string& name) {
                return names_case(deviation, name);
            })) {
            why = "names no case";
        } else if (!every_case_ran || !entry.holds || entry.failed != 0 || deviation.intermittent) {
            continue;
        } else if (entry.passed != 0) {
            why = "every case it covers passes";
        } else if (entry.covered_before != 0 && !entry.included) {
            why = "earlier entries cover all its cases";
        } else {
            continue; // all its cases were skipped
        }
        found.push_back({.file = entry.source,
                         .line = deviation.line,
                         .cases = fmt::format("{}", fmt::join(deviation.cases, ", ")),
                         .why = std::move(why)});
    }
    return found;
}

} // namespace vmrunit::runner
