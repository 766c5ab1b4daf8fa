// SPDX-License-Identifier: GPL-2.0-only
// A session on machines that follow a script: what a good payload says, and everything a bad one
// can. Always: the right verdict for the case that did it, and no other result lost.
#include "host_runner/session/session.hpp"
#include "tests/unit/judge_sample.hpp"
#include "tests/unit/scripted_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using namespace std::chrono_literals;
using samples::GuestVoice;
using samples::PlannedCase;
using samples::ScriptedTarget;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Hears everything, as one line each.
class Hearer final : public SessionListener {
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
    Hearer hearer_;
    std::vector<CaseResult> results_;
    unsigned machines_ = 0;
};

TEST_F(SessionTest, AGoodRunTakesOneMachine) {
    run(answering([](GuestVoice&, const PlannedCase&, unsigned) { return false; }));
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(machines_, 1u);
    ASSERT_EQ(hearer_.lines.size(), 11u);
    EXPECT_EQ(hearer_.lines[0], "machine 1");
    EXPECT_EQ(hearer_.lines[1], "begin scripted/case/0");
    EXPECT_EQ(hearer_.lines[2], "PASS scripted/case/0");
    EXPECT_EQ(hearer_.lines[10], "PASS scripted/case/4");
    EXPECT_EQ(results_[4].machine, 1u);
    EXPECT_EQ(results_[4].manual, "APM2 15.9");
}

TEST_F(SessionTest, AWrongValueIsAFailOfItsCase) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.report(2, {99});
    }));
    expect_only_case_2(Verdict::fail, "l1.value[0] its number: expected 0x2, actual 0x63");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionTest, AHangCostsItsCaseAndOneMachine) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.log("about to wait");
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, "hang: no record after 30 ms");
    EXPECT_EQ(results_[2].timed_out_after, 30ms);
    EXPECT_THAT(results_[2].guest_log, ElementsAre("about to wait", "stopped by the test"));
    EXPECT_EQ(machines_, 2u);
    EXPECT_THAT(hearer_.lines, testing::Contains("died in scripted/case/2"));
    EXPECT_EQ(results_[2].machine, 1u);
    EXPECT_EQ(results_[3].machine, 2u);
}

TEST_F(SessionTest, ACaseOfManyVmrunsHasALongerLimit) {
    cases_[2].vmruns = 4096;
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, "hang: no record after 240 ms");
    EXPECT_EQ(results_[2].timed_out_after, 240ms);
    EXPECT_GE(results_[2].duration, 240ms);
}

TEST_F(SessionTest, AHangInAFloodTellsOfTheFlood) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.noise(300'000);
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, AllOf(StartsWith("hang: no record after 30 ms, "),
                                            HasSubstr(" bytes that were no record")));
}

TEST_F(SessionTest, AnEndlessFloodIsAHang) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.floods_for_ever();
    }));
    expect_only_case_2(Verdict::fail, StartsWith("hang: no record after 30 ms, "));
}

TEST_F(SessionTest, AnEndlessFloodOfGoodFramesIsAHang) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.log("again and again");
        voice.repeats_for_ever();
    }));
    expect_only_case_2(Verdict::fail, StartsWith("hang: no record after 30 ms"));
    EXPECT_LE(results_[2].guest_log.size(), 64u) << "what a guest says is bounded";
}

TEST_F(SessionTest, LinesOfTheLogAreBounded) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.log(std::string(60'000, 'x'));
        voice.report(2, {99});
    }));
    expect_only_case_2(Verdict::fail, StartsWith("l1.value[0]"));
    ASSERT_EQ(results_[2].guest_log.size(), 1u);
    EXPECT_LE(results_[2].guest_log[0].size(), 512u);
}

TEST_F(SessionTest, TheLogOfACaseIsItsOwn) {
    run(answering([](GuestVoice& voice, const PlannedCase& one, unsigned) {
        if (one.index == 4) {
            return false;
        }
        voice.begin(one.index);
        voice.log("line of " + std::to_string(one.index));
        voice.report(one.index, {one.index == 3 ? 99u : one.index});
        return true;
    }));
    EXPECT_THAT(results_[3].guest_log, ElementsAre("line of 3"));
    EXPECT_THAT(results_[2].guest_log, testing::IsEmpty()) << "it passed";
}

TEST_F(SessionTest, DeathsHaveTheirNames) {
    struct Death {
        MachineEnd::How how;
        std::string reason;
        Verdict verdict;
    };
    using How = MachineEnd::How;
    for (const Death& death : {Death{How::triple_fault, "triple fault: text", Verdict::fail},
                               Death{How::emulator_died, "emulator died: text", Verdict::fail},
                               Death{How::internal_error, "internal error: text", Verdict::fail},
                               Death{How::kernel_died, "kernel died: text", Verdict::fail},
                               Death{How::lost, "machine lost: text", Verdict::error}}) {
        run(misbehaving([&](GuestVoice& voice) {
            voice.begin(2);
            voice.dies({death.how, "text", {"WARNING: in the kernel"}});
        }));
        expect_only_case_2(death.verdict, death.reason);
        EXPECT_THAT(results_[2].guest_log, ElementsAre("WARNING: in the kernel"));
        EXPECT_EQ(machines_, 2u);
        EXPECT_EQ(hearer_.deaths.back(), death.reason);
    }
}

TEST_F(SessionTest, ADeathBetweenTwoCasesCostsNoCase) {
    run(answering([](GuestVoice& voice, const PlannedCase& one, unsigned machine) {
        if (one.index != 2 || machine != 1) {
            return false;
        }
        voice.dies({MachineEnd::How::emulator_died, "signal 9"});
        return true;
    }));
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(machines_, 2u);
    EXPECT_THAT(hearer_.lines, testing::Contains("died in "));
}

TEST_F(SessionTest, GarbageInsteadOfARecord) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.noise(5000);
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: its record was lost");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionTest, GarbageAroundARecordIsPassedOver) {
    run(misbehaving([](GuestVoice& voice) {
        voice.noise(100);
        voice.begin(2);
        voice.noise(100'000);
        voice.report(2, {2});
        voice.noise(7);
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, ATruncatedRecord) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.cut_next_by(4);
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: its record was lost");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionTest, ATruncatedRecordAtTheVeryEnd) {
    cases_.resize(3);
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.cut_next_by(4);
        voice.report(2, {2});
        voice.dies({MachineEnd::How::triple_fault, "text"});
    }));
    expect_only_case_2(Verdict::fail, "triple fault: text");
}

TEST_F(SessionTest, ARecordThatDoesNotDecode) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.frame(wire::FrameType::record, samples::FileBytes(10));
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: record shorter than its header");
}

TEST_F(SessionTest, ARecordThatClaimsToBeAnotherCases) {
    for (const std::uint32_t claimed : {0u, 3u, 77u, ~0u}) {
        run(misbehaving([claimed](GuestVoice& voice) {
            voice.begin(2);
            voice.report(claimed, {claimed});
        }));
        expect_only_case_2(Verdict::error, "stream corrupt: its record claims to be case number " +
                                               std::to_string(claimed));
        EXPECT_EQ(machines_, 1u);
    }
}

TEST_F(SessionTest, RecordsOfCasesNotBegunAreNoise) {
    run(misbehaving([](GuestVoice& voice) {
        voice.report(3, {99});
        voice.report(2, {99});
        voice.begin(2);
        voice.report(2, {2});
        voice.report(2, {99});
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, BeginsOutOfPlanAreNoise) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.begin(0);  // finished
        voice.begin(77); // not in the plan
        voice.begin(~0u);
        voice.frame(wire::FrameType::begin, samples::FileBytes(3));
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, ABeginThatComesTwiceSettlesNothingTwice) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.begin(2);
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(std::ranges::count(hearer_.lines, "PASS scripted/case/2"), 1);
}

TEST_F(SessionTest, OneCaseCannotTouchTheResultOfAFinishedOne) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(0);
        voice.report(0, {99});
        voice.begin(2);
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, ASecondHelloIsAResetOfTheMachine) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.hello();
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, "triple fault: the payload began anew");
    EXPECT_EQ(machines_, 2u);
}

TEST_F(SessionTest, AnEarlyEndCostsTheRunningCaseOnly) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.end();
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: its record was lost");
    EXPECT_EQ(machines_, 2u);
}

TEST_F(SessionTest, CasesThatWereSkippedOverAreRunAgain) {
    run(answering([](GuestVoice&, const PlannedCase& one, unsigned machine) {
        return one.index == 2 && machine == 1; // says nothing of it at all
    }));
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(machines_, 2u);
}

TEST_F(SessionTest, ACaseThatIsAlwaysSkippedOverIsAnError) {
    run(answering([](GuestVoice&, const PlannedCase& one, unsigned) { return one.index == 2; }));
    expect_only_case_2(Verdict::error,
                       "3 machines in a row ended before any case: machine lost: the plan ended "
                       "before all of its cases");
    EXPECT_EQ(machines_, 4u);
}

TEST_F(SessionTest, FramesOfOtherKindsAreNoise) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.frame(wire::FrameType::service_request, samples::FileBytes(16));
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, NothingCountsBeforeHello) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
        voice.begin(0);
        voice.report(0, {99});
        voice.end();
        voice.hello();
        for (const PlannedCase& one : plan) {
            voice.begin(one.index);
            voice.report(one.index, {one.index});
        }
        voice.end();
    });
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionTest, ATargetMayTakeLongerToStartAMachineThanThatToSayHello) {
    ScriptedTarget target{answering([](auto&&...) { return false; })};
    target.start_takes = 2 * options_.boot_limit;
    target.bytes_per_read = 1; // the hello is not there at the first look
    options_.case_limit = 10s;
    run_on(target);
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionTest, NoHelloThreeTimesIsAnErrorOfAll) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) { voice.falls_silent(); });
    expect_all(Verdict::error, "3 machines in a row ended before any case: machine lost: no hello "
                               "from the payload");
    EXPECT_EQ(machines_, 3u);
}

TEST_F(SessionTest, DeathBeforeHelloThreeTimesIsAnErrorOfTheRest) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine) {
        if (machine == 1) {
            voice.hello();
            voice.begin(plan[0].index);
            voice.report(plan[0].index, {plan[0].index});
        }
        voice.dies({MachineEnd::How::triple_fault, "at once"});
    });
    EXPECT_EQ(results_[0].verdict, Verdict::pass);
    for (std::size_t i = 1; i < results_.size(); ++i) {
        EXPECT_EQ(results_[i].verdict, Verdict::error);
        EXPECT_THAT(results_[i].reason, HasSubstr("3 machines in a row"));
        EXPECT_THAT(results_[i].reason, HasSubstr("triple fault: at once"));
    }
    EXPECT_EQ(machines_, 4u);
}

TEST_F(SessionTest, BadBootsNowAndThenAreSurvived) {
    // Two bad ones, a good one that dies after a case, two bad ones, and so on.
    run([](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine) {
        if (machine % 3 != 0) {
            voice.dies({MachineEnd::How::emulator_died, "no luck"});
            return;
        }
        voice.hello();
        voice.begin(plan[0].index);
        if (plan[0].index == 2) {
            voice.falls_silent(); // a hang is a result, too
            return;
        }
        voice.report(plan[0].index, {plan[0].index});
        voice.dies({MachineEnd::How::emulator_died, "no luck"});
    });
    expect_only_case_2(Verdict::fail, StartsWith("hang"));
    EXPECT_EQ(machines_, 15u);
}

TEST_F(SessionTest, AHelloThatDoesNotDecodeIsABadBoot) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) {
        voice.frame(wire::FrameType::hello, samples::FileBytes(5));
        voice.falls_silent();
    });
    expect_all(Verdict::error, HasSubstr("stream corrupt: hello shorter than its header"));
}

TEST_F(SessionTest, ARefusedPlanIsAnErrorOfAll) {
    for (const auto& [error, words] : std::vector<std::pair<wire::PlanError, std::string>>{
             {wire::PlanError::no_module, "found no plan"},
             {wire::PlanError::bad_magic, "not a plan"},
             {wire::PlanError::bad_version, "another version"},
             {wire::PlanError::bad_size, "cut short"},
             {wire::PlanError::bad_crc, "changed on its way"},
             {wire::PlanError::other_payload, "for another payload"},
             {wire::PlanError::bad_ring, "the ring does not lie in free memory"},
             {static_cast<wire::PlanError>(99), "does not know"}}) {
        run([error = error](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) {
            voice.hello_head.plan_error = static_cast<std::uint32_t>(error);
            voice.hello();
            voice.falls_silent();
        });
        expect_all(Verdict::error, AllOf(StartsWith("the payload refused: "), HasSubstr(words)));
        EXPECT_EQ(machines_, 1u) << "asking again would not help";
    }
}

TEST_F(SessionTest, ACpuWithoutSvmSkipsAll) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) {
        voice.hello_head.plan_error = static_cast<std::uint32_t>(wire::PlanError::no_svm);
        voice.hello();
        voice.falls_silent();
    });
    expect_all(Verdict::skip, HasSubstr("no SVM"));
}

TEST_F(SessionTest, APayloadOtherThanTheOneReadIsAnErrorOfAll) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) {
        voice.hello_head.build_id[7] ^= 1;
        voice.hello();
        voice.falls_silent();
    });
    expect_all(Verdict::error, HasSubstr("booted another payload"));
}

TEST_F(SessionTest, ATargetThatCannotStartIsAnErrorOfAll) {
    ScriptedTarget target{{}};
    target.refuse_starts_from = 1;
    run_on(target);
    expect_all(Verdict::error, "no machine to be had: plug one in");
    EXPECT_EQ(target.starts(), 1u);
}

TEST_F(SessionTest, AStartThatFailsLaterIsTriedAgain) {
    ScriptedTarget target{misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.dies({MachineEnd::How::triple_fault, "text"});
    })};
    target.refuse_starts_from = 2;
    target.refuse_starts_up_to = 3;
    run_on(target);
    expect_only_case_2(Verdict::fail, "triple fault: text");
    EXPECT_EQ(target.starts(), 4u);
}

TEST_F(SessionTest, StartsThatKeepFailingAreGivenUp) {
    ScriptedTarget target{misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.dies({MachineEnd::How::triple_fault, "text"});
    })};
    target.refuse_starts_from = 2;
    run_on(target);
    EXPECT_EQ(results_[0].verdict, Verdict::pass);
    EXPECT_EQ(results_[2].verdict, Verdict::fail);
    EXPECT_EQ(results_[4].verdict, Verdict::error);
    EXPECT_EQ(results_[4].reason, "no machine to be had: plug one in");
    EXPECT_EQ(target.starts(), 4u);
}

TEST_F(SessionTest, CasesThatEndTheMachineRunLast) {
    cases_[1].ends_machine = true;
    std::vector<std::size_t> plan_sizes;
    run([&](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
        plan_sizes.push_back(plan.size());
        voice.hello();
        for (const PlannedCase& one : plan) {
            voice.begin(one.index);
            if (one.index == 4) { // its position, not its place in the list
                voice.dies({MachineEnd::How::triple_fault, "as expected"});
                return;
            }
            // Positions 1 to 3 are the cases 2 to 4.
            voice.report(one.index, {one.index == 0 ? 0u : one.index + 1});
        }
        voice.end();
    });
    EXPECT_EQ(results_[1].verdict, Verdict::fail);
    EXPECT_EQ(results_[1].reason, "triple fault: as expected");
    for (const std::size_t other : {0u, 2u, 3u, 4u}) {
        EXPECT_EQ(results_[other].verdict, Verdict::pass) << results_[other].reason;
    }
    EXPECT_EQ(machines_, 1u) << "nothing is left to run after it";
    EXPECT_THAT(plan_sizes, ElementsAre(5u));
}

TEST_F(SessionTest, IsolatedCasesHaveAMachineEach) {
    options_.cases_per_machine = 1;
    std::vector<std::size_t> plan_sizes;
    run([&](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
        plan_sizes.push_back(plan.size());
        voice.hello();
        voice.begin(plan.at(0).index);
        voice.report(plan[0].index, {plan[0].index});
        voice.end();
    });
    expect_only_case_2(Verdict::pass, "");
    EXPECT_THAT(plan_sizes, ElementsAre(1u, 1u, 1u, 1u, 1u));
    EXPECT_EQ(machines_, 5u);
    EXPECT_EQ(results_[4].machine, 5u);
}

TEST_F(SessionTest, ANewMachineGetsThePlanOfTheRest) {
    std::vector<std::vector<std::uint32_t>> plans;
    auto script = misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.dies({MachineEnd::How::triple_fault, "text"});
    });
    run([&](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine) {
        plans.emplace_back();
        for (const PlannedCase& one : plan) {
            plans.back().push_back(one.index);
        }
        script(voice, plan, machine);
    });
    ASSERT_EQ(plans.size(), 2u);
    EXPECT_THAT(plans[0], ElementsAre(0u, 1u, 2u, 3u, 4u));
    EXPECT_THAT(plans[1], ElementsAre(3u, 4u)) << "numbers are kept";
}

TEST_F(SessionTest, TheRingIsUsedWhereMemoryIsShared) {
    const auto ring_of = [this](bool shares, bool use) {
        options_.use_ring = use;
        ScriptedTarget target{
            answering([](GuestVoice&, const PlannedCase&, unsigned) { return false; })};
        target.shares = shares;
        run_on(target);
        EXPECT_EQ(target.last_ring().size, target.last_request_ring().size);
        return target.last_ring();
    };
    EXPECT_EQ(ring_of(false, true).size, 0u);
    EXPECT_EQ(ring_of(true, false).size, 0u);
    const RingPlace ring = ring_of(true, true);
    EXPECT_EQ(ring.size, options_.ring_size);
    EXPECT_GE(ring.address, images_.main().memory_end());
    EXPECT_EQ(ring.address % (2u << 20), 0u);
}

TEST_F(SessionTest, EachModeOfL1HasMachinesAndTheImageOfItsOwn) {
    images_ = PayloadImages{samples::PayloadSample{}.load(),
                            samples::PayloadSample::for_32bit_l1().load()};
    constexpr L1Mode modes[]{L1Mode::legacy, L1Mode::long64, L1Mode::pae, L1Mode::legacy,
                             L1Mode::long64};
    for (std::size_t i = 0; i < cases_.size(); ++i) {
        cases_[i].start = {L2Mode::pae, 0, true, modes[i]};
    }
    // Calls are routines at some address, the same in both samples; each answers its number.
    ScriptedTarget target{[](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
        constexpr std::uint64_t numbers[]{1, 4, 2, 0, 3}; // by mode, then as they were given
        voice.hello();
        for (const PlannedCase& one : plan) {
            voice.begin(one.index);
            voice.report(one.index, {numbers[one.index]});
        }
        voice.end();
    }};
    run_on(target);
    EXPECT_THAT(target.plans(),
                ElementsAre(std::pair{L1Mode::long64, 0xb1u}, std::pair{L1Mode::pae, 0xb2u},
                            std::pair{L1Mode::legacy, 0xb2u}));
    for (const CaseResult& result : results_) {
        EXPECT_EQ(result.verdict, Verdict::pass) << result.name << ": " << result.reason;
    }
}

TEST_F(SessionTest, WithoutAnImageForItsModeOfL1ACaseIsSkipped) {
    cases_[2].start = {L2Mode::pae, 0, true, L1Mode::pae};
    run(answering([](GuestVoice& voice, const PlannedCase& one, unsigned) {
        // The skipped one is the last by mode; the two behind it have moved up.
        voice.begin(one.index);
        voice.report(one.index, {one.index < 2 ? one.index : one.index + 1});
        return true;
    }));
    expect_only_case_2(Verdict::skip, HasSubstr("without an image for L1 in 32-bit mode"));
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionTest, BytesMayComeOneByOne) {
    ScriptedTarget target{misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.noise(50);
        voice.report(2, {2});
    })};
    target.bytes_per_read = 1;
    options_.case_limit = 10s;
    options_.boot_limit = 10s;
    run_on(target);
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, WhereThePlanMeasuresTheEndIsWaitedFor) {
    options_.plan_flags = wire::plan_measures;
    ScriptedTarget target{[](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
        voice.hello();
        for (const PlannedCase& one : plan) {
            voice.begin(one.index);
            voice.report(one.index, {one.index});
        }
        samples::FileBytes ticks;
        samples::append_to(ticks, wire::EndTicks{12'345});
        voice.frame(wire::FrameType::end, ticks);
    }};
    target.bytes_per_read = 50; // the end is read long after the last record
    Session session{target, images_, options_, hearer_};
    load_into(session);
    drive(session);
    EXPECT_EQ(session.guest_ticks(), 12'345u);
    collect(session);
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, TheRecordBehindAResultIsThatCasesOwn) {
    struct Watcher final : SessionListener {
        const Session* session = nullptr;
        std::vector<bool> had_record;
        void case_finished(const cases::Case&, const CaseResult&) override {
            had_record.push_back(session->last_record().has_value());
        }
    } watcher;
    ScriptedTarget target{misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.dies({MachineEnd::How::triple_fault, "text"});
    })};
    Session session{target, images_, options_, watcher};
    watcher.session = &session;
    load_into(session);
    drive(session);
    EXPECT_THAT(watcher.had_record, ElementsAre(true, true, false, true, true));
}

TEST_F(SessionTest, TwoSessionsInOneProcessDoNotKnowOfEachOther) {
    ScriptedTarget first{misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.falls_silent();
    })};
    ScriptedTarget second{
        answering([](GuestVoice&, const PlannedCase&, unsigned) { return false; })};
    second.bytes_per_read = 20;
    Session one{first, images_, options_, hearer_};
    Hearer other_hearer;
    SessionOptions patient = options_;
    patient.case_limit = patient.boot_limit = 10s;
    Session two{second, images_, patient, other_hearer};
    load_into(one);
    load_into(two);
    while (!one.finished() || !two.finished()) {
        one.step(1ms);
        two.step(1ms);
    }
    collect(one);
    expect_only_case_2(Verdict::fail, StartsWith("hang"));
    collect(two);
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionTest, LoadBeginsAnew) {
    ScriptedTarget target{
        answering([](GuestVoice&, const PlannedCase&, unsigned) { return false; })};
    Session session{target, images_, options_, hearer_};
    for (int round = 0; round < 3; ++round) {
        load_into(session);
        EXPECT_FALSE(session.finished());
        EXPECT_EQ(session.result(cases_[0]), nullptr) << "that of the round before is gone";
        session.step(1ms);
        session.step(1ms);
        if (round != 1) { // once it is broken off in the middle
            drive(session);
            collect(session);
            expect_only_case_2(Verdict::pass, "");
        }
    }
    EXPECT_EQ(target.starts(), 3u);
    EXPECT_EQ(target.running(), 0u);
}

TEST_F(SessionTest, ARowThePayloadCannotRunIsAnErrorOfLoad) {
    ScriptedTarget target{{}};
    Session session{target, images_, options_, hearer_};
    load_into(session);
    cases_[3].program = "nosuch";
    std::vector<const cases::Case*> list{&cases_[0], &cases_[3]};
    const auto loaded = session.load(list);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().line(), HasSubstr("no 64-bit L2 program nosuch"));
    EXPECT_TRUE(session.finished()) << "nothing of it is left to run";
    EXPECT_EQ(target.starts(), 0u);
}

TEST_F(SessionTest, AbandonSettlesWhatIsOpen) {
    ScriptedTarget target{misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.falls_silent();
    })};
    options_.case_limit = 10s;
    Session session{target, images_, options_, hearer_};
    load_into(session);
    while (session.result(cases_[1]) == nullptr) {
        session.step(5ms);
    }
    session.abandon(Verdict::error, "given up");
    EXPECT_TRUE(session.finished());
    EXPECT_EQ(target.running(), 0u);
    collect(session);
    EXPECT_EQ(results_[1].verdict, Verdict::pass);
    EXPECT_EQ(results_[2].reason, "given up");
    EXPECT_EQ(results_[4].reason, "given up");
}

TEST_F(SessionTest, AnInterruptedSessionLeavesOpenCasesWithoutResult) {
    ScriptedTarget target{misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.falls_silent();
    })};
    options_.case_limit = 10s;
    {
        Session session{target, images_, options_, hearer_};
        load_into(session);
        while (session.result(cases_[1]) == nullptr) {
            session.step(5ms);
        }
        EXPECT_EQ(target.running(), 1u);
        session.abandon_silently();
        EXPECT_EQ(session.result(cases_[2]), nullptr);
        EXPECT_EQ(target.running(), 0u);
    }
    {
        Session session{target, images_, options_, hearer_};
        load_into(session);
        session.step(5ms);
        EXPECT_EQ(target.running(), 1u);
    }
    EXPECT_EQ(target.running(), 0u) << "a session takes its machine along";
}

} // namespace
} // namespace vmrunit::runner
