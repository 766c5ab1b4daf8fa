// SPDX-License-Identifier: GPL-2.0-only
// Everything a payload can do wrong in a case, a hang, a death and a forged stream among it.
// Always: the right verdict for the case that did it, and no other result lost.
#include "tests/unit/session_fixture.hpp"

namespace vmrunit::runner {
namespace {

using testing::AllOf;
using testing::ElementsAre;

using SessionHostileTest = SessionTest;

TEST_F(SessionHostileTest, AHangCostsItsCaseAndOneMachine) {
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

TEST_F(SessionHostileTest, ACaseOfManyVmrunsHasALongerLimit) {
    cases_[2].vmruns = 4096;
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, "hang: no record after 240 ms");
    EXPECT_EQ(results_[2].timed_out_after, 240ms);
    EXPECT_GE(results_[2].duration, 240ms);
}

TEST_F(SessionHostileTest, AKnownHangIsGivenUpAfterATwentiethOfTheLimit) {
    options_.case_limit = 2s;
    options_.known_to_hang = [this](const cases::Case& subject) { return &subject == &cases_[2]; };
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, "hang: no record after 100 ms");
    EXPECT_EQ(results_[2].timed_out_after, 100ms);
}

TEST_F(SessionHostileTest, AHangInAFloodTellsOfTheFlood) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.noise(300'000);
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, AllOf(StartsWith("hang: no record after 30 ms, "),
                                            HasSubstr(" bytes that were no record")));
}

TEST_F(SessionHostileTest, AnEndlessFloodIsAHang) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.floods_for_ever();
    }));
    expect_only_case_2(Verdict::fail, StartsWith("hang: no record after 30 ms, "));
}

TEST_F(SessionHostileTest, AnEndlessFloodOfGoodFramesIsAHang) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.log("again and again");
        voice.repeats_for_ever();
    }));
    expect_only_case_2(Verdict::fail, StartsWith("hang: no record after 30 ms"));
    EXPECT_LE(results_[2].guest_log.size(), 64u) << "what a guest says is bounded";
}

TEST_F(SessionHostileTest, LinesOfTheLogAreBounded) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.log(std::string(60'000, 'x'));
        voice.report(2, {99});
    }));
    expect_only_case_2(Verdict::fail, StartsWith("l1.value[0]"));
    ASSERT_EQ(results_[2].guest_log.size(), 1u);
    EXPECT_LE(results_[2].guest_log[0].size(), 512u);
}

TEST_F(SessionHostileTest, TheLogOfACaseIsItsOwn) {
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

TEST_F(SessionHostileTest, DeathsHaveTheirNames) {
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

TEST_F(SessionHostileTest, ADeathBetweenTwoCasesCostsNoCase) {
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

TEST_F(SessionHostileTest, WhatTheKernelComplainsOfBehindARecordIsThatCases) {
    const MachineEnd warning{MachineEnd::How::kernel_died, "WARNING: as it put L1 back", {"line"}};
    run(answering([&](GuestVoice& voice, const PlannedCase& one, unsigned machine) {
        if (one.index != 3 || machine != 1) {
            return false;
        }
        voice.dies(warning);
        return true;
    }));
    expect_only_case_2(Verdict::fail, "kernel died: WARNING: as it put L1 back");
    EXPECT_THAT(results_[2].guest_log, ElementsAre("line"));
    EXPECT_EQ(machines_, 2u);
    EXPECT_THAT(hearer_.lines, testing::Contains("died in scripted/case/2"));
}

TEST_F(SessionHostileTest, WhatTheKernelComplainsOfAsTheMachineIsStoppedIsTheLastCases) {
    const MachineEnd warning{MachineEnd::How::kernel_died, "WARNING: as the VM went", {}};
    run([&](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned) {
        voice.hello();
        for (const PlannedCase& one : plan) {
            voice.begin(one.index);
            voice.report(one.index, {one.index});
        }
        voice.end();
        voice.dies(warning);
    });
    for (const CaseResult& result : results_) {
        const bool is_last = &result == &results_.back();
        EXPECT_EQ(result.verdict, is_last ? Verdict::fail : Verdict::pass) << result.name;
    }
    EXPECT_EQ(results_.back().reason, "kernel died: WARNING: as the VM went");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionHostileTest, AKernelThatDiesIsNoHang) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.falls_silent();
        voice.dies_when_stopped({MachineEnd::How::kernel_died, "BUG: as it was stopped", {}});
    }));
    expect_only_case_2(Verdict::fail, "kernel died: BUG: as it was stopped");
}

TEST_F(SessionHostileTest, GarbageInsteadOfARecord) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.noise(5000);
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: its record was lost");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionHostileTest, GarbageAroundARecordIsPassedOver) {
    run(misbehaving([](GuestVoice& voice) {
        voice.noise(100);
        voice.begin(2);
        voice.noise(100'000);
        voice.report(2, {2});
        voice.noise(7);
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionHostileTest, ATruncatedRecord) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.cut_next_by(4);
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: its record was lost");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionHostileTest, ATruncatedRecordAtTheVeryEnd) {
    cases_.resize(3);
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.cut_next_by(4);
        voice.report(2, {2});
        voice.dies({MachineEnd::How::triple_fault, "text"});
    }));
    expect_only_case_2(Verdict::fail, "triple fault: text");
}

TEST_F(SessionHostileTest, ARecordThatDoesNotDecode) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.frame(wire::FrameType::record, samples::FileBytes(10));
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: record shorter than its header");
}

TEST_F(SessionHostileTest, ARecordThatClaimsToBeAnotherCases) {
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

TEST_F(SessionHostileTest, RecordsOfCasesNotBegunAreNoise) {
    run(misbehaving([](GuestVoice& voice) {
        voice.report(3, {99});
        voice.report(2, {99});
        voice.begin(2);
        voice.report(2, {2});
        voice.report(2, {99});
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionHostileTest, BeginsOutOfPlanAreNoise) {
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

TEST_F(SessionHostileTest, ABeginThatComesTwiceSettlesNothingTwice) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.begin(2);
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(std::ranges::count(hearer_.lines, "PASS scripted/case/2"), 1);
}

TEST_F(SessionHostileTest, OneCaseCannotTouchTheResultOfAFinishedOne) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(0);
        voice.report(0, {99});
        voice.begin(2);
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::pass, "");
}

TEST_F(SessionHostileTest, ASecondHelloIsAResetOfTheMachine) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.hello();
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::fail, "triple fault: the payload began anew");
    EXPECT_EQ(machines_, 2u);
}

TEST_F(SessionHostileTest, AnEarlyEndCostsTheRunningCaseOnly) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.end();
        voice.falls_silent();
    }));
    expect_only_case_2(Verdict::error, "stream corrupt: its record was lost");
    EXPECT_EQ(machines_, 2u);
}

TEST_F(SessionHostileTest, CasesThatWereSkippedOverAreRunAgain) {
    run(answering([](GuestVoice&, const PlannedCase& one, unsigned machine) {
        return one.index == 2 && machine == 1; // says nothing of it at all
    }));
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(machines_, 2u);
}

TEST_F(SessionHostileTest, ACaseThatIsAlwaysSkippedOverIsAnError) {
    run(answering([](GuestVoice&, const PlannedCase& one, unsigned) { return one.index == 2; }));
    expect_only_case_2(Verdict::error,
                       "3 machines in a row ended before any case: machine lost: the plan ended "
                       "before all of its cases");
    EXPECT_EQ(machines_, 4u);
}

TEST_F(SessionHostileTest, FramesOfUnknownKindsAreNoise) {
    run(misbehaving([](GuestVoice& voice) {
        voice.begin(2);
        voice.frame(static_cast<wire::FrameType>(6), samples::FileBytes(16));
        voice.report(2, {2});
    }));
    expect_only_case_2(Verdict::pass, "");
}

} // namespace
} // namespace vmrunit::runner
