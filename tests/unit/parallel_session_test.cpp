// SPDX-License-Identifier: GPL-2.0-only
// Several machines at once give what one after the other gives, and the listener need not know.
#include "host_runner/session/parallel_session.hpp"

#include "tests/unit/judge_sample.hpp"
#include "tests/unit/payload_sample.hpp"
#include "tests/unit/scripted_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <thread>

namespace vmrunit::runner {
namespace {

using namespace std::chrono_literals;
using samples::GuestVoice;
using samples::PlannedCase;
using samples::ScriptedTarget;

/// Notes what it hears, and that it hears it on the thread that asked.
class Hearer final : public SessionListener {
public:
    std::map<std::string, CaseResult> results;
    std::map<std::string, unsigned> begun;
    std::vector<unsigned> machines;
    std::vector<std::string> deaths;

    void machine_started(unsigned machine, std::chrono::nanoseconds) override {
        expect_own_thread();
        machines.push_back(machine);
    }
    void machine_died(unsigned, const std::string&, const std::string& running) override {
        expect_own_thread();
        deaths.push_back(running);
    }
    void case_started(const cases::Case& subject) override { ++begun[subject.name]; }
    void case_finished(const cases::Case& subject, const CaseResult& result) override {
        expect_own_thread();
        EXPECT_EQ(subject.name, result.name);
        EXPECT_TRUE(results.emplace(result.name, result).second) << result.name << " twice";
    }

private:
    void expect_own_thread() const { EXPECT_EQ(std::this_thread::get_id(), thread_); }
    std::thread::id thread_ = std::this_thread::get_id();
};

class ParallelSessionTest : public testing::Test {
protected:
    ParallelSessionTest() {
        for (std::size_t i = 0; i < 10; ++i) {
            // Its place in the plan of its lane: with three lanes 0 0 0 1 1 1 2 2 2 3.
            cases::Case one = samples::call_case({.values = {{.value = i / 3, .what = "place"}}});
            one.name = "scripted/case/" + std::to_string(i);
            cases_.push_back(std::move(one));
        }
        for (const auto& one : cases_) {
            list_.push_back(&one);
        }
        options_.case_limit = 2s;
        options_.boot_limit = 2s;
    }

    static samples::Script answers_all() {
        return [](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
            voice.hello();
            for (const auto& one : plan) {
                voice.begin(one.index);
                voice.report(one.index, {one.index});
            }
            voice.end();
        };
    }
    /// Dies in the case at `place` of each plan.
    static samples::Script dies_at(std::uint32_t place) {
        return [place](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
            voice.hello();
            for (const auto& one : plan) {
                voice.begin(one.index);
                if (one.index == place) {
                    voice.dies({MachineEnd::How::triple_fault, "as told"});
                    return;
                }
                voice.report(one.index, {one.index});
            }
            voice.end();
        };
    }
    void make_targets(const samples::Script& script) {
        for (int i = 0; i < 3; ++i) {
            owned_.push_back(std::make_unique<ScriptedTarget>(script));
            targets_.push_back(owned_.back().get());
        }
    }
    void drive(ParallelSession& session) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!session.finished()) {
            session.step(10ms);
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the session does not end";
        }
    }

    PayloadImages images_{samples::PayloadSample{}.load()};
    std::vector<cases::Case> cases_;
    std::vector<const cases::Case*> list_;
    SessionOptions options_;
    std::vector<std::unique_ptr<ScriptedTarget>> owned_;
    std::vector<Target*> targets_;
    Hearer hearer_;
};

TEST_F(ParallelSessionTest, EveryCaseRunsOnceAndEveryMachineHasItsNumber) {
    make_targets(answers_all());
    ParallelSession session{targets_, images_, options_, hearer_};
    ASSERT_TRUE(session.load(list_));
    drive(session);
    ASSERT_EQ(hearer_.results.size(), cases_.size());
    std::set<unsigned> used;
    for (const auto& [name, result] : hearer_.results) {
        EXPECT_EQ(result.verdict, Verdict::pass) << name << ": " << result.reason;
        EXPECT_EQ(hearer_.begun[name], 1u) << name;
        used.insert(result.machine);
    }
    EXPECT_THAT(hearer_.machines, testing::UnorderedElementsAre(1u, 2u, 3u));
    EXPECT_THAT(used, testing::ElementsAre(1u, 2u, 3u));
    EXPECT_EQ(session.machines_started(), 3u);
}

TEST_F(ParallelSessionTest, ADeadlyCaseCostsItsLaneAMachineAndNobodyElse) {
    make_targets(dies_at(1));
    ParallelSession session{targets_, images_, options_, hearer_};
    ASSERT_TRUE(session.load(list_));
    drive(session);
    ASSERT_EQ(hearer_.results.size(), cases_.size());
    for (std::size_t i = 0; i < cases_.size(); ++i) {
        const auto& result = hearer_.results.at(cases_[i].name);
        EXPECT_EQ(result.verdict, i / 3 == 1 ? Verdict::fail : Verdict::pass) << result.reason;
    }
    EXPECT_EQ(hearer_.deaths.size(), 3u);
    EXPECT_EQ(session.machines_started(), 6u);
}

TEST_F(ParallelSessionTest, CanBeLoadedAgainAndHasFewerCasesThanLanes) {
    make_targets(answers_all());
    ParallelSession session{targets_, images_, options_, hearer_};
    ASSERT_TRUE(session.load(list_));
    drive(session);
    hearer_.results.clear();
    ASSERT_TRUE(session.load(std::span{list_}.first(2)));
    drive(session);
    EXPECT_EQ(hearer_.results.size(), 2u);
}

TEST_F(ParallelSessionTest, StopsInTheMiddleAndLeavesNoMachine) {
    make_targets([](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
        voice.hello();
        voice.begin(plan.front().index);
        voice.falls_silent();
    });
    options_.case_limit = 1h;
    {
        ParallelSession session{targets_, images_, options_, hearer_};
        ASSERT_TRUE(session.load(list_));
        while (hearer_.begun.size() < 3) {
            session.step(10ms);
        }
        session.abandon_silently();
        EXPECT_TRUE(session.finished());
        EXPECT_TRUE(hearer_.results.empty());
    }
    for (const auto& target : owned_) {
        EXPECT_EQ(target->running(), 0u);
    }
}

TEST_F(ParallelSessionTest, ATargetThatDoesNotStartFailsItsOwnPartOnly) {
    make_targets(answers_all());
    owned_[1]->refuse_starts_from = 1;
    ParallelSession session{targets_, images_, options_, hearer_};
    ASSERT_TRUE(session.load(list_));
    drive(session);
    for (std::size_t i = 0; i < cases_.size(); ++i) {
        const auto& result = hearer_.results.at(cases_[i].name);
        EXPECT_EQ(result.verdict, i % 3 == 1 ? Verdict::error : Verdict::pass) << result.reason;
    }
}

} // namespace
} // namespace vmrunit::runner
