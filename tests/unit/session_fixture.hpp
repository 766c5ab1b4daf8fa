// SPDX-License-Identifier: GPL-2.0-only
// What tests of sessions share: machines that follow a script, what a good payload says on them,
// and what came of each case.
#pragma once

#include "host_runner/session/session.hpp"
#include "tests/unit/judge_sample.hpp"
#include "tests/unit/scripted_target.hpp"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace vmrunit::runner {

using namespace std::chrono_literals;
using samples::GuestVoice;
using samples::PlannedCase;
using samples::ScriptedTarget;
using testing::HasSubstr;
using testing::StartsWith;

/// Hears everything, as one line each.
class LineHearer final : public SessionListener {
public:
    std::vector<std::string> lines;
    std::vector<std::string> deaths;

    void machine_started(unsigned machine, std::chrono::nanoseconds) override {
        lines.push_back("machine " + std::to_string(machine));
    }
    void machine_died(unsigned, const std::string& how, const std::string& running) override {
        lines.push_back("died in " + running);
        deaths.push_back(how);
    }
    void case_started(const cases::Case& subject) override {
        lines.push_back("begin " + subject.name);
    }
    void case_finished(const cases::Case&, const CaseResult& result) override {
        lines.push_back(std::string{to_string(result.verdict)} + " " + result.name);
    }
};

/// Cases that call a routine, which must report its case's number.
class SessionTest : public testing::Test {
protected:
    explicit SessionTest(std::size_t count = 5) {
        for (std::size_t i = 0; i < count; ++i) {
            cases::Case one = samples::call_case({.values = {{.value = i, .what = "its number"}}});
            one.name = "scripted/case/" + std::to_string(i);
            cases_.push_back(std::move(one));
        }
        options_.case_limit = 30ms;
        options_.boot_limit = 30ms;
    }

    /// Every case of the plan, answered as it should be, but for those that `other` speaks for.
    template<class Other>
    auto answering(Other other) {
        return [other](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine) {
            voice.hello();
            for (const PlannedCase& one : plan) {
                if (!other(voice, one, machine)) {
                    voice.begin(one.index);
                    voice.report(one.index, {one.index});
                }
                if (voice.over()) {
                    return;
                }
            }
            voice.end();
        };
    }
    /// The payload misbehaves in case 2, each time or only on the first machine.
    template<class Behaviour>
    auto misbehaving(Behaviour behaviour) {
        return answering([behaviour](GuestVoice& voice, const PlannedCase& one, unsigned) {
            if (one.index != 2) {
                return false;
            }
            behaviour(voice);
            return true;
        });
    }

    void run(samples::Script script) {
        ScriptedTarget target{std::move(script)};
        run_on(target);
    }
    void run_on(ScriptedTarget& target) {
        Session session{target, images_, options_, hearer_};
        load_into(session);
        drive(session);
        collect(session);
        machines_ = session.machines_started();
        EXPECT_EQ(target.running(), 0u) << "a machine was left";
    }
    void load_into(Session& session) {
        std::vector<const cases::Case*> list;
        for (const cases::Case& one : cases_) {
            list.push_back(&one);
        }
        const auto loaded = session.load(list);
        ASSERT_TRUE(loaded) << loaded.error().line();
    }
    static void drive(Session& session) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!session.finished()) {
            session.step(5ms);
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the session does not end";
        }
    }
    void collect(const Session& session) {
        results_.clear();
        for (const cases::Case& one : cases_) {
            const CaseResult* result = session.result(one);
            ASSERT_NE(result, nullptr) << one.name;
            results_.push_back(*result);
        }
    }

    /// All passed but case 2, which ended so.
    void expect_only_case_2(Verdict verdict, const testing::Matcher<std::string>& reason) {
        ASSERT_EQ(results_.size(), cases_.size());
        for (std::size_t i = 0; i < results_.size(); ++i) {
            if (i != 2) {
                EXPECT_EQ(results_[i].verdict, Verdict::pass) << i << ": " << results_[i].reason;
            }
        }
        EXPECT_EQ(results_[2].verdict, verdict);
        EXPECT_THAT(results_[2].reason, reason);
        EXPECT_EQ(results_[2].name, "scripted/case/2");
    }
    void expect_all(Verdict verdict, const testing::Matcher<std::string>& reason) {
        ASSERT_FALSE(results_.empty());
        for (const CaseResult& result : results_) {
            EXPECT_EQ(result.verdict, verdict) << result.name;
            EXPECT_THAT(result.reason, reason);
            EXPECT_EQ(result.machine, 0u) << "it never ran";
        }
    }

    PayloadImages images_{samples::PayloadSample{}.load()};
    std::vector<cases::Case> cases_;
    SessionOptions options_;
    LineHearer hearer_;
    std::vector<CaseResult> results_;
    unsigned machines_ = 0;
};

} // namespace vmrunit::runner
