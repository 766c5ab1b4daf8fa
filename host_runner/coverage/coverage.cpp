// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/coverage.hpp"

#include "cases/model/glob.hpp"
#include "harness/svm/features.hpp"
#include "host_runner/baseline/glob.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>

namespace vmrunit::runner {

namespace {

using cases::Case;

/// Does the target's CPU define what the item is about?
bool defines(const TargetResults& results, const cases::CoverageItem& item) {
    return std::ranges::all_of(svm::feature_table, [&](const svm::FeatureInfo& info) {
        return !item.needs.test(info.feature) ||
               std::ranges::find(results.features, info.name) != results.features.end();
    });
}

/// Puts cases with items, and reasons with what is left.
class Measurement {
public:
    Measurement(std::span<const cases::CoverageFamily> families, std::size_t result_count) {
        for (const cases::CoverageFamily& family : families) {
            FamilyCoverage& made = coverage_.families.emplace_back();
            made.family = &family;
            made.items.reserve(family.items.size()); // by_id_ points into it.
            for (const cases::CoverageItem& item : family.items) {
                ItemCoverage& covered = made.items.emplace_back();
                covered.item = &item;
                covered.verdicts.resize(result_count);
                if (!by_id_.emplace(item.id, &covered).second) {
                    problem("two items are called {}", item.id);
                }
            }
        }
    }

    void add(const Case& one) {
        const auto covered = [&](std::string_view id) { cover(id, one); };
        for (const FamilyCoverage& family : coverage_.families) {
            if (family.family->rule) {
                family.family->rule(one, covered);
            }
        }
        for (const std::string& id : one.covers) {
            covered(id);
        }
    }

    void add_rows(const cases::Catalogue& catalogue) {
        for (const FamilyCoverage& family : coverage_.families) {
            for (const std::string& rows : family.family->rows) {
                const bool names_one = std::ranges::any_of(catalogue.cases(), [&](const Case& one) {
                    return cases::row_matches(rows, one.name);
                });
                if (!names_one) {
                    problem("{}: no case is called {}", family.family->name, rows);
                }
            }
        }
    }

    void add(const cases::CoverageReason& reason) {
        bool names_one = false;
        for (auto& [id, item] : by_id_) {
            if (!glob_matches(reason.items, id)) {
                continue;
            }
            names_one = true;
            if (!item->shown_by.empty()) {
                problem("reasons.inc:{}: {} has a reason for having no case, and has {}",
                        reason.line, id, item->shown_by.front()->name);
            } else if (!item->reason.empty()) {
                problem("reasons.inc:{}: {} has a reason already", reason.line, id);
            }
            item->reason = reason.reason;
        }
        if (!names_one) {
            problem("reasons.inc:{}: no item is called {}", reason.line, reason.items);
        }
    }

    void add(std::span<const TargetResults> results) {
        for (const TargetResults& one : results) {
            coverage_.targets.push_back(one.target);
        }
        for (auto& [id, item] : by_id_) {
            for (std::size_t i = 0; i < results.size(); ++i) {
                if (!defines(results[i], *item->item)) {
                    continue;
                }
                for (const Case* shown : item->shown_by) {
                    const auto found = results[i].verdicts.find(shown->name);
                    if (found != results[i].verdicts.end()) {
                        ++item->verdicts[i].by_verdict[static_cast<std::size_t>(found->second)];
                    }
                }
            }
        }
    }

    Coverage take() {
        for (const FamilyCoverage& family : coverage_.families) {
            for (const ItemCoverage& item : family.items) {
                if (item.missing()) {
                    problem("{} ({}) has neither a case nor a reason in reasons.inc", item.item->id,
                            item.item->title);
                }
            }
        }
        std::ranges::sort(coverage_.problems);
        return std::move(coverage_);
    }

private:
    template<class... Values>
    void problem(fmt::format_string<Values...> format, Values&&... values) {
        coverage_.problems.push_back(fmt::format(format, std::forward<Values>(values)...));
    }

    void cover(std::string_view id, const Case& one) {
        const auto found = by_id_.find(std::string{id});
        if (found == by_id_.end()) {
            problem("{} covers {}, which is no item", one.name, id);
            return;
        }
        // A case is asked once, by every family in turn, so what it said before is the last.
        std::vector<const Case*>& cases = found->second->shown_by;
        if (cases.empty() || cases.back() != &one) {
            cases.push_back(&one);
        }
    }

    Coverage coverage_;
    std::unordered_map<std::string, ItemCoverage*> by_id_;
};

/// "intercept/cpuid/taken" of "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64".
std::string_view without_axes(std::string_view name) {
    for (const std::string_view axis : {"/l2_", "/l1_"}) {
        name = name.substr(0, name.find(axis));
    }
    return name;
}

} // namespace

bool ItemCoverage::confirmed() const {
    return std::ranges::any_of(verdicts, [](const VerdictCounts& counts) {
        return counts[Verdict::pass] + counts[Verdict::unexpected_pass] > 0;
    });
}

Coverage measure_coverage(std::span<const cases::CoverageFamily> families,
                          std::span<const cases::CoverageReason> reasons,
                          const cases::Catalogue& catalogue,
                          std::span<const TargetResults> results) {
    Measurement measurement{families, results.size()};
    for (const Case& one : catalogue.cases()) {
        measurement.add(one);
    }
    measurement.add_rows(catalogue);
    for (const cases::CoverageReason& reason : reasons) {
        measurement.add(reason);
    }
    measurement.add(results);
    return measurement.take();
}

std::vector<CaseGroup> grouped(std::span<const cases::Case* const> cases) {
    std::vector<CaseGroup> groups;
    for (const Case* one : cases) {
        const std::string_view base = without_axes(one->name);
        const std::string glob =
            base.size() == one->name.size() ? one->name : std::string{base} + "/*";
        const auto found = std::ranges::find(groups, glob, &CaseGroup::glob);
        if (found == groups.end()) {
            groups.push_back({glob, 1});
        } else {
            ++found->cases;
        }
    }
    return groups;
}

} // namespace vmrunit::runner
