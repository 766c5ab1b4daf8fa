// SPDX-License-Identifier: GPL-2.0-only
// See run_record.hpp.
#include "host_runner/report/run_record.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace vmrunit::runner {

VerdictCounts RunRecord::counts() const {
    VerdictCounts counts;
    for (const CaseResult& result : results) {
        counts.add(result);
    }
    return counts;
}

std::string RunRecord::restarts_text() const {
    if (!summary || summary->restarts == 0) {
        return {};
    }
    using Seconds = std::chrono::duration<double>;
    const auto in_seconds = [](auto time) { return std::chrono::duration_cast<Seconds>(time); };
    std::string text =
        fmt::format("{} restart{} cost {:.2f} s", summary->restarts,
                    summary->restarts == 1 ? "" : "s", in_seconds(summary->restart_cost).count());
    std::size_t hung = 0;
    std::chrono::milliseconds waited{};
    for (const CaseResult& result : results) {
        hung += result.timed_out_after ? 1u : 0u;
        waited += result.timed_out_after.value_or(std::chrono::milliseconds{});
    }
    if (hung != 0) {
        text += fmt::format(", waiting for {} case{} that hung {:.2f} s", hung,
                            hung == 1 ? "" : "s", in_seconds(waited).count());
    }
    return text;
}

std::string RunRecord::why_incomplete() const {
    if (results.size() >= info.cases) {
        return summary ? "" : "the runner ended before it could close the run";
    }
    const std::string missing =
        fmt::format("{} of {} cases did not run", info.cases - results.size(), info.cases);
    if (!summary) {
        return running.empty() ? "the runner ended early; " + missing
                               : fmt::format("the runner ended in {}; {}", running, missing);
    }
    return (summary->interrupted ? "interrupted; " : "stopped at a failure; ") + missing;
}

void merge_facts(SubjectFacts& facts, const SubjectFacts& later) {
    for (const auto& fact : later) {
        const auto known = std::ranges::find(facts, fact.first, &SubjectFacts::value_type::first);
        if (known == facts.end()) {
            facts.push_back(fact);
        } else {
            known->second = fact.second;
        }
    }
}

void Recorder::run_started(const RunInfo& info) {
    record_.info = info;
    record_.results.reserve(info.cases);
}

void Recorder::subject_known(const std::vector<std::string>& features,
                             const SubjectFacts& more_facts) {
    record_.info.features = features;
    merge_facts(record_.info.facts, more_facts);
}

void Recorder::case_finished(const CaseResult& result) {
    record_.running.clear();
    record_.results.push_back(result);
}

} // namespace vmrunit::runner
