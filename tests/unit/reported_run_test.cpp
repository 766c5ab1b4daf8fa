// SPDX-License-Identifier: GPL-2.0-only
// What a run does with cases that fail: run again as often as asked, reported once, and nothing
// lost, whatever the retry does.
#include "host_runner/run/reported_run.hpp"
#include "tests/unit/judge_sample.hpp"
#include "tests/unit/scripted_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

namespace vmrunit::runner {
namespace {

using namespace std::chrono_literals;
using samples::GuestVoice;
using samples::PlannedCase;
using samples::ScriptedTarget;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t right_value = 7;

/// Keeps what it is told, and what it was told of retries.
class Listener final : public Reporter {
public:
    std::vector<CaseResult> results;
    std::vector<std::string> retried;
    std::optional<RunSummary> summary;

    void run_started(const RunInfo&) override {}
    void case_finished(const CaseResult& result) override { results.push_back(result); }
    void case_to_be_retried(const CaseResult& so_far) override {
        EXPECT_NE(so_far.verdict, Verdict::pass);
        retried.push_back(so_far.name);
    }
    void run_finished(const RunSummary& end) override { summary = end; }

    [[nodiscard]] const CaseResult& of(const std::string& name) const {
        const auto found = std::ranges::find(results, name, &CaseResult::name);
        EXPECT_NE(found, results.end()) << name;
        return *found;
    }
};

/// What a machine does wrong: by machine, the places in its plan.
using Wrongs = std::map<unsigned, std::set<std::uint32_t>>;

/// The case at such a place reports another value.
samples::Script failing_at(const Wrongs& wrongs) {
    return [wrongs](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine) {
        voice.hello();
        const auto found = wrongs.find(machine);
        for (const PlannedCase& one : plan) {
            const bool wrong = found != wrongs.end() && found->second.contains(one.index);
            voice.begin(one.index);
            voice.report(one.index, {right_value + (wrong ? 1 : 0)});
        }
        voice.end();
    };
}

/// As `script`, but this machine ends so in the first case of its plan.
samples::Script ending(unsigned which, const MachineEnd& end, const samples::Script& script) {
    return [=](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine) {
        if (machine != which) {
            return script(voice, plan, machine);
        }
        voice.hello();
        voice.begin(plan.front().index);
        voice.dies(end);
    };
}

class ReportedRunTest : public testing::Test {
protected:
    ReportedRunTest() {
        for (std::size_t i = 0; i < 5; ++i) {
            cases::Case one =
                samples::call_case({.values = {{.value = right_value, .what = "value"}}});
            one.name = "scripted/case/" + std::to_string(i);
            cases_.push_back(std::move(one));
        }
        for (const cases::Case& one : cases_) {
            list_.push_back(&one);
        }
    }

    ReportedRunInput input(ScriptedTarget& target, unsigned retries) {
        ReportedRunInput made{.target = target,
                              .images = images_,
                              .session = {},
                              .baseline = baseline_,
                              .reporter = heard_,
                              .info = {},
                              .repeat_command = [](const std::string& name) { return name; },
                              .all_names = {},
                              .more_targets = {},
                              .retries = retries};
        made.session.case_limit = 2s;
        made.session.boot_limit = 2s;
        return made;
    }
    void drive(ReportedRun& run) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!run.finished()) {
            run.step(5ms);
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the run does not end";
        }
    }
    /// One round on one target; returns how many machines it took.
    unsigned run(const samples::Script& script, unsigned retries) {
        ScriptedTarget target{script};
        run_on(input(target, retries));
        EXPECT_EQ(target.running(), 0u) << "a machine was left";
        return target.starts();
    }
    void run_on(const ReportedRunInput& wanted) {
        ReportedRun run{wanted};
        const auto loaded = run.load(list_);
        ASSERT_TRUE(loaded) << loaded.error().line();
        drive(run);
        for (const cases::Case& one : cases_) {
            EXPECT_NE(run.result(one), nullptr) << one.name;
        }
        run.finish(false);
        counts_ = run.counts();
        EXPECT_EQ(run.planned(), cases_.size());
        expect_each_once();
    }
    void expect_each_once() const {
        std::set<std::string> names;
        for (const CaseResult& result : heard_.results) {
            EXPECT_TRUE(names.insert(result.name).second) << result.name << " twice";
        }
        EXPECT_EQ(names.size(), cases_.size());
    }
    static std::vector<Verdict> verdicts(const CaseResult& result) {
        std::vector<Verdict> made;
        for (const Attempt& attempt : result.attempts) {
            made.push_back(attempt.verdict);
        }
        return made;
    }

    PayloadImages images_{samples::PayloadSample{}.load()};
    std::vector<cases::Case> cases_;
    std::vector<const cases::Case*> list_;
    Baseline baseline_;
    Listener heard_;
    VerdictCounts counts_;
};

TEST_F(ReportedRunTest, NothingFailedAndThereIsNoSecondPlan) {
    EXPECT_EQ(run(failing_at({}), 3), 1u);
    EXPECT_EQ(counts_[Verdict::pass], 5u);
    EXPECT_EQ(counts_.flaky, 0u);
    EXPECT_THAT(heard_.retried, IsEmpty());
}

TEST_F(ReportedRunTest, WhatPassesAtTheSecondTryIsFlakyAndCountsAsPassed) {
    EXPECT_EQ(run(failing_at({{1, {2}}}), 3), 2u);
    EXPECT_EQ(counts_[Verdict::pass], 5u);
    EXPECT_EQ(counts_.flaky, 1u);
    EXPECT_THAT(heard_.retried, ElementsAre("scripted/case/2"));
    const CaseResult& flaky = heard_.of("scripted/case/2");
    EXPECT_TRUE(flaky.flaky());
    EXPECT_EQ(flaky.machine, 2u);
    ASSERT_THAT(verdicts(flaky), ElementsAre(Verdict::fail, Verdict::pass));
    EXPECT_EQ(flaky.attempts[0].reason, "l1.value[0] value: expected 0x7, actual 0x8");
    EXPECT_EQ(flaky.attempts[1].reason, "");
    EXPECT_EQ(heard_.results.back().name, "scripted/case/2") << "after all others";
    EXPECT_FALSE(heard_.of("scripted/case/1").flaky());
    ASSERT_TRUE(heard_.summary);
    EXPECT_EQ(heard_.summary->counts.flaky, 1u);
}

TEST_F(ReportedRunTest, WithoutRetriesAFailureIsReportedAtOnce) {
    EXPECT_EQ(run(failing_at({{1, {2}}}), 0), 1u);
    EXPECT_EQ(counts_[Verdict::fail], 1u);
    EXPECT_EQ(heard_.results[2].name, "scripted/case/2");
    EXPECT_THAT(heard_.results[2].attempts, IsEmpty());
}

TEST_F(ReportedRunTest, WhatFailsEveryTimeIsAFail) {
    EXPECT_EQ(run(failing_at({{1, {2}}, {2, {0}}, {3, {0}}}), 2), 3u);
    EXPECT_EQ(counts_[Verdict::fail], 1u);
    EXPECT_EQ(counts_[Verdict::pass], 4u);
    EXPECT_EQ(counts_.flaky, 0u);
    const CaseResult& failed = heard_.of("scripted/case/2");
    EXPECT_FALSE(failed.flaky());
    EXPECT_THAT(verdicts(failed), ElementsAre(Verdict::fail, Verdict::fail, Verdict::fail));
    EXPECT_EQ(failed.repeat_command, "scripted/case/2");
}

TEST_F(ReportedRunTest, WhatEndedItsMachineIsRetriedToo) {
    const MachineEnd end{MachineEnd::How::triple_fault, "as told"};
    // Machine 1 dies in its first case, 2 runs the rest, 3 is for the retry.
    EXPECT_EQ(run(ending(1, end, failing_at({})), 1), 3u);
    EXPECT_THAT(verdicts(heard_.of("scripted/case/0")), ElementsAre(Verdict::fail, Verdict::pass));
    EXPECT_EQ(counts_.flaky, 1u);
}

TEST_F(ReportedRunTest, ARetryThatKillsItsMachineLosesNothing) {
    const MachineEnd end{MachineEnd::How::triple_fault, "as told"};
    // 1 and 3 fail; the retry of 1 kills machine 2, so 3 passes on machine 3, and 1 on machine 4.
    EXPECT_EQ(run(ending(2, end, failing_at({{1, {1, 3}}})), 2), 4u);
    EXPECT_THAT(verdicts(heard_.of("scripted/case/1")),
                ElementsAre(Verdict::fail, Verdict::fail, Verdict::pass));
    EXPECT_THAT(verdicts(heard_.of("scripted/case/3")), ElementsAre(Verdict::fail, Verdict::pass));
    EXPECT_EQ(counts_.flaky, 2u);
    EXPECT_EQ(counts_[Verdict::pass], 5u);
}

TEST_F(ReportedRunTest, ARetryThatIsLostDoesNotUndoAFailure) {
    EXPECT_EQ(run(ending(2, {MachineEnd::How::lost, "gone"}, failing_at({{1, {1}}})), 1), 2u);
    const CaseResult& failed = heard_.of("scripted/case/1");
    EXPECT_EQ(failed.verdict, Verdict::fail);
    EXPECT_EQ(failed.machine, 1u);
    EXPECT_THAT(verdicts(failed), ElementsAre(Verdict::fail, Verdict::error));
    EXPECT_EQ(counts_.flaky, 0u);
}

TEST_F(ReportedRunTest, WhatNeverRanIsNotRetried) {
    ScriptedTarget target{failing_at({})};
    target.refuse_starts_from = 1;
    run_on(input(target, 3));
    EXPECT_EQ(target.starts(), 1u);
    EXPECT_EQ(counts_[Verdict::error], 5u);
    EXPECT_THAT(heard_.retried, IsEmpty());
}

TEST_F(ReportedRunTest, KnownDeviationsAreNotRetried) {
    auto known = Baseline::parse("[[deviation]]\ncase = 'scripted/case/2'\nreason = 'known'\n"
                                 "evidence = 'test'\n",
                                 "b.toml");
    ASSERT_TRUE(known) << known.error().line();
    baseline_ = std::move(*known);
    EXPECT_EQ(run(failing_at({{1, {2}}}), 3), 1u);
    EXPECT_EQ(counts_[Verdict::expected_fail], 1u);
    EXPECT_EQ(counts_.flaky, 0u);
}

TEST_F(ReportedRunTest, WhatTheBaselineRulesOutIsSkippedAndNeverRuns) {
    for (const char* glob : {"scripted/case/2", "*"}) {
        auto known = Baseline::parse(std::string{"[[deviation]]\ncase = '"} + glob +
                                         "'\nrun = false\nreason = 'dies'\nevidence = 'test'\n",
                                     "b.toml");
        ASSERT_TRUE(known) << known.error().line();
        baseline_ = std::move(*known);
        heard_ = {};
        const bool all = std::string_view{glob} == "*";
        ScriptedTarget target{failing_at({{1, {}}})};
        ScriptedTarget other{failing_at({{1, {}}})};
        ReportedRunInput wanted = input(target, 0);
        if (all) {
            wanted.more_targets = {&other};
        }
        run_on(wanted);
        expect_each_once();
        EXPECT_EQ(target.starts(), all ? 0u : 1u);
        EXPECT_EQ(other.starts(), 0u);
        EXPECT_EQ(counts_[Verdict::skip], all ? 5u : 1u);
        EXPECT_EQ(counts_[Verdict::pass], all ? 0u : 4u);
        EXPECT_THAT(heard_.of("scripted/case/2").reason,
                    testing::HasSubstr("not run, as b.toml:2 says: "));
    }
}

TEST_F(ReportedRunTest, AnInterruptLeavesWhatWasKnownSoFar) {
    ScriptedTarget target{failing_at({{1, {1, 3}}})};
    const ReportedRunInput wanted = input(target, 1);
    ReportedRun run{wanted};
    ASSERT_TRUE(run.load(list_));
    while (heard_.retried.size() < 2 || heard_.results.size() < 3) {
        run.step(5ms);
    }
    EXPECT_FALSE(run.finished()) << "the retries are to come";
    EXPECT_EQ(run.result(cases_[1]), nullptr);
    run.finish(true);
    expect_each_once();
    EXPECT_EQ(run.counts()[Verdict::fail], 2u);
    EXPECT_EQ(run.counts().flaky, 0u);
    EXPECT_THAT(heard_.of("scripted/case/1").attempts, IsEmpty());
    EXPECT_EQ(target.running(), 0u);
}

TEST_F(ReportedRunTest, SeveralMachinesShareTheRetries) {
    // In turn: the first of each of the three plans fails on the first machine of its target.
    const auto script = failing_at({{1, {0}}});
    ScriptedTarget first{script};
    ScriptedTarget second{script};
    ScriptedTarget third{script};
    ReportedRunInput wanted = input(first, 1);
    wanted.more_targets = {&second, &third};
    run_on(wanted);
    EXPECT_EQ(counts_[Verdict::pass], 5u);
    EXPECT_EQ(counts_.flaky, 3u);
    EXPECT_EQ(heard_.retried.size(), 3u);
    for (const ScriptedTarget* target : {&first, &second, &third}) {
        EXPECT_EQ(target->starts(), 2u);
        EXPECT_EQ(target->running(), 0u);
    }
}

TEST_F(ReportedRunTest, WithAMachineForEachCaseARetryHasItsOwnToo) {
    ScriptedTarget target{failing_at({{2, {1}}, {4, {3}}})};
    ReportedRunInput wanted = input(target, 1);
    wanted.session.cases_per_machine = 1;
    run_on(wanted);
    EXPECT_EQ(target.starts(), 7u);
    EXPECT_EQ(counts_.flaky, 2u);
}

TEST_F(ReportedRunTest, AnotherRoundBeginsAnew) {
    // Machine 3 runs the second round, in which the case fails for good.
    ScriptedTarget target{failing_at({{1, {2}}, {3, {2}}, {4, {0}}})};
    const ReportedRunInput wanted = input(target, 1);
    ReportedRun run{wanted};
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(run.load(list_, 2));
        drive(run);
    }
    run.finish(false);
    EXPECT_EQ(run.counts()[Verdict::pass], 9u);
    EXPECT_EQ(run.counts()[Verdict::fail], 1u);
    EXPECT_EQ(run.counts().flaky, 1u);
    EXPECT_THAT(verdicts(heard_.results.back()), ElementsAre(Verdict::fail, Verdict::fail));
}

} // namespace
} // namespace vmrunit::runner
