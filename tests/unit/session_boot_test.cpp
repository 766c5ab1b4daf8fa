// SPDX-License-Identifier: GPL-2.0-only
// Machines that do not come up, or not as what they should be, before any case begins.
#include "tests/unit/session_fixture.hpp"

namespace vmrunit::runner {
namespace {

using testing::AllOf;

using SessionBootTest = SessionTest;

TEST_F(SessionBootTest, NothingCountsBeforeHello) {
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

TEST_F(SessionBootTest, ATargetMayTakeLongerToStartAMachineThanThatToSayHello) {
    ScriptedTarget target{answering([](auto&&...) { return false; })};
    target.start_takes = 2 * options_.boot_limit;
    target.bytes_per_read = 1; // the hello is not there at the first look
    options_.case_limit = 10s;
    run_on(target);
    expect_only_case_2(Verdict::pass, "");
    EXPECT_EQ(machines_, 1u);
}

TEST_F(SessionBootTest, NoHelloThreeTimesIsAnErrorOfAll) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) { voice.falls_silent(); });
    expect_all(Verdict::error, "3 machines in a row ended before any case: machine lost: no hello "
                               "from the payload");
    EXPECT_EQ(machines_, 3u);
}

TEST_F(SessionBootTest, DeathBeforeHelloThreeTimesIsAnErrorOfTheRest) {
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

TEST_F(SessionBootTest, BadBootsNowAndThenAreSurvived) {
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

TEST_F(SessionBootTest, AHelloThatDoesNotDecodeIsABadBoot) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) {
        voice.frame(wire::FrameType::hello, samples::FileBytes(5));
        voice.falls_silent();
    });
    expect_all(Verdict::error, HasSubstr("stream corrupt: hello shorter than its header"));
}

TEST_F(SessionBootTest, ARefusedPlanIsAnErrorOfAll) {
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

TEST_F(SessionBootTest, ACpuWithoutSvmSkipsAll) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) {
        voice.hello_head.plan_error = static_cast<std::uint32_t>(wire::PlanError::no_svm);
        voice.hello();
        voice.falls_silent();
    });
    expect_all(Verdict::skip, HasSubstr("no SVM"));
}

TEST_F(SessionBootTest, APayloadOtherThanTheOneReadIsAnErrorOfAll) {
    run([](GuestVoice& voice, const std::vector<PlannedCase>&, unsigned) {
        voice.hello_head.build_id[7] ^= 1;
        voice.hello();
        voice.falls_silent();
    });
    expect_all(Verdict::error, HasSubstr("booted another payload"));
}

TEST_F(SessionBootTest, ATargetThatCannotStartIsAnErrorOfAll) {
    ScriptedTarget target{{}};
    target.refuse_starts_from = 1;
    run_on(target);
    expect_all(Verdict::error, "no machine to be had: plug one in");
    EXPECT_EQ(target.starts(), 1u);
}

TEST_F(SessionBootTest, AStartThatFailsLaterIsTriedAgain) {
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

TEST_F(SessionBootTest, StartsThatKeepFailingAreGivenUp) {
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

} // namespace
} // namespace vmrunit::runner
