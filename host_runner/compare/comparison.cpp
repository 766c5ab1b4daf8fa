// SPDX-License-Identifier: GPL-2.0-only
// See comparison.hpp.
#include "host_runner/compare/comparison.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>

namespace vmrunit::runner {
namespace {

bool is_wrong(Verdict verdict) {
    return verdict == Verdict::fail || verdict == Verdict::error;
}
bool is_right(Verdict verdict) {
    return verdict == Verdict::pass || verdict == Verdict::unexpected_pass;
}

/// Of several results of one case the one that says most against the subject.
unsigned weight(const CaseResult& result) {
    switch (result.verdict) {
    case Verdict::fail:
        return 6;
    case Verdict::error:
        return 5;
    case Verdict::expected_fail:
        return 4;
    case Verdict::unexpected_pass:
        return 3;
    case Verdict::pass:
        return result.flaky() ? 2 : 1;
    case Verdict::skip:
        return 0;
    }
    return 0;
}

using ByName = std::map<std::string_view, CaseChange>;

void take(ByName& by_name, const RunRecord& record, const CaseResult* CaseChange::*side) {
    for (const CaseResult& result : record.results) {
        const CaseResult*& kept = by_name[result.name].*side;
        if (kept == nullptr || weight(*kept) < weight(result)) {
            kept = &result;
        }
    }
}

/// Do both show the same? Of a case without a differing field, such as a hang, the reason decides.
bool same_detail(const CaseResult& before, const CaseResult& after, bool same_payload) {
    if (before.exit_code != after.exit_code) {
        return false;
    }
    const auto next_difference = [](auto& at, auto end) {
        at = std::find_if(at, end, [](const FieldDifference& field) { return !field.matches; });
        return at != end;
    };
    auto left = before.fields.begin();
    auto right = after.fields.begin();
    bool any = false;
    for (;; ++left, ++right) {
        const bool more_left = next_difference(left, before.fields.end());
        const bool more_right = next_difference(right, after.fields.end());
        if (more_left != more_right) {
            return false;
        }
        if (!more_left) {
            break;
        }
        any = true;
        if (left->field != right->field || (same_payload && left->actual != right->actual)) {
            return false;
        }
    }
    return any || is_right(after.verdict) || before.reason == after.reason ||
           after.verdict == Verdict::expected_fail; // There the reason is the baseline's.
}

/// One run saw what an intermittent entry of the baseline covers, the other one did not have to:
/// what it saw instead is right, or known as well.
bool only_intermittent(const CaseResult& before, const CaseResult& after) {
    const auto is_covered = [](const CaseResult& result) {
        return result.verdict == Verdict::pass || result.verdict == Verdict::expected_fail;
    };
    return is_covered(before) && is_covered(after) && (before.intermittent || after.intermittent) &&
           before.flaky() == after.flaky();
}

std::optional<ChangeKind> kind_of(const CaseChange& change, bool same_payload) {
    if (change.after == nullptr) {
        return change.before->verdict == Verdict::skip ? std::nullopt
                                                       : std::optional{ChangeKind::lost};
    }
    const Verdict now = change.after->verdict;
    if (change.before == nullptr) {
        return is_wrong(now) ? ChangeKind::new_failure : ChangeKind::added;
    }
    if (only_intermittent(*change.before, *change.after)) {
        return std::nullopt;
    }
    const Verdict was = change.before->verdict;
    if (is_wrong(now) && now != was) {
        return ChangeKind::new_failure;
    }
    if (now == Verdict::skip && was != Verdict::skip) {
        return ChangeKind::newly_skipped;
    }
    if (change.after->flaky() && !change.before->flaky()) {
        return ChangeKind::newly_flaky;
    }
    if (now == Verdict::expected_fail && was != now) {
        return ChangeKind::now_known;
    }
    if (is_right(now) && (is_wrong(was) || was == Verdict::expected_fail)) {
        return ChangeKind::fixed;
    }
    if (was == Verdict::skip && now != was) {
        return ChangeKind::no_longer_skipped;
    }
    return same_detail(*change.before, *change.after, same_payload)
               ? std::nullopt
               : std::optional{ChangeKind::changed_detail};
}

std::string exit_code_text(const CaseResult& result) {
    return result.exit_code ? fmt::format("{:#05x}", *result.exit_code) : "none";
}

/// What differs, in words that are the same for every case that differs alike: of the exit code
/// also the values, of other fields the names, for their values are addresses as often as not.
std::string difference_text(const CaseResult& result) {
    std::string text;
    std::size_t shown = 0;
    std::size_t more = 0;
    for (const FieldDifference& field : result.fields) {
        if (field.matches) {
            continue;
        }
        if (shown == 3) {
            ++more;
            continue;
        }
        text += shown++ == 0 ? "" : ", ";
        text += one_line(field.field);
        if (field.field == "control.exit_code") {
            text +=
                fmt::format(" {}, expected {}", one_line(field.actual), one_line(field.expected));
        } else if (!field.changed_bits.empty()) {
            text += " " + one_line(field.changed_bits);
        }
    }
    if (more != 0) {
        text += fmt::format(" and {} more", more);
    }
    return text.empty() ? short_reason(result) : text;
}

std::string what_of(ChangeKind kind, const CaseChange& change) {
    const auto verdict = [](const CaseResult* result) {
        return result == nullptr ? std::string_view{"-"} : verdict_word(*result);
    };
    std::string text = fmt::format("{} -> {}", verdict(change.before), verdict(change.after));
    if (kind == ChangeKind::changed_detail && change.before->exit_code != change.after->exit_code) {
        text += fmt::format("  exit code {} -> {}", exit_code_text(*change.before),
                            exit_code_text(*change.after));
        return text;
    }
    const CaseResult* told = kind == ChangeKind::fixed ? change.before : change.after;
    if (told != nullptr && (!is_right(told->verdict))) {
        if (const std::string more = difference_text(*told); !more.empty()) {
            text += "  " + more;
        }
    }
    return text;
}

} // namespace

std::size_t Comparison::count(ChangeKind kind) const {
    std::size_t sum = 0;
    for (const ChangeGroup& group : groups) {
        sum += group.kind == kind ? group.cases.size() : 0;
    }
    return sum;
}

bool Comparison::regressed(bool strict) const {
    using enum ChangeKind;
    const std::size_t doubtful =
        count(newly_skipped) + count(lost) + count(changed_detail) + count(newly_flaky);
    return count(new_failure) != 0 || (strict && doubtful != 0);
}

void keep_common(RunRecord& record, const RunRecord& other) {
    std::set<std::string_view> names;
    for (const CaseResult& result : other.results) {
        names.insert(result.name);
    }
    const std::size_t all = record.results.size();
    std::erase_if(record.results,
                  [&](const CaseResult& result) { return !names.contains(result.name); });
    record.info.cases -= std::min(record.info.cases, all - record.results.size());
}

Comparison compare(const RunRecord& before, const RunRecord& after) {
    Comparison comparison;
    comparison.before = &before;
    comparison.after = &after;
    comparison.same_payload = before.info.payload_build_id == after.info.payload_build_id;
    ByName by_name;
    take(by_name, before, &CaseChange::before);
    take(by_name, after, &CaseChange::after);

    std::map<std::pair<ChangeKind, std::string>, std::vector<CaseChange>> groups;
    for (const auto& [name, change] : by_name) {
        comparison.common += change.before != nullptr && change.after != nullptr ? 1 : 0;
        if (const auto kind = kind_of(change, comparison.same_payload)) {
            groups[{*kind, what_of(*kind, change)}].push_back(change);
        } else {
            ++comparison.unchanged;
        }
    }
    for (auto& [key, changes] : groups) {
        comparison.groups.push_back({key.first, key.second, std::move(changes)});
    }
    std::ranges::stable_sort(comparison.groups, [](const ChangeGroup& a, const ChangeGroup& b) {
        return a.kind != b.kind ? a.kind < b.kind : a.cases.size() > b.cases.size();
    });
    return comparison;
}

} // namespace vmrunit::runner
