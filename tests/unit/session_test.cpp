// SPDX-License-Identifier: GPL-2.0-only
// Sessions on machines that follow a script: who runs what, when, and what is told of it.
#include "tests/unit/session_fixture.hpp"

namespace vmrunit::runner {
namespace {

using testing::ElementsAre;

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

TEST_F(SessionTest, AnEndThatIsExpectedIsAPass) {
    cases_[1] = samples::cpuid_case();
    cases_[1].name = "scripted/case/1";
    cases_[1].expectations = {cases::EndExpectation{}};
    cases_[1].ends_machine = true;
    const auto dying = [&](MachineEnd::How how) {
        return answering([how](GuestVoice& voice, const PlannedCase& one, unsigned) {
            if (one.index != 4) { // its position, not its place in the list
                voice.begin(one.index);
                voice.report(one.index, {one.index == 0 ? 0u : one.index + 1});
            } else {
                voice.begin(one.index);
                how == MachineEnd::How::finished ? voice.falls_silent() : voice.dies({how, "text"});
            }
            return true;
        });
    };
    run(dying(MachineEnd::How::triple_fault));
    EXPECT_EQ(results_[1].verdict, Verdict::pass) << results_[1].reason;
    EXPECT_THAT(hearer_.deaths, testing::IsEmpty()) << "nothing went wrong";
    run(dying(MachineEnd::How::emulator_died));
    EXPECT_EQ(results_[1].verdict, Verdict::fail);
    EXPECT_EQ(results_[1].reason, "emulator died: text");
    run(dying(MachineEnd::How::finished));
    EXPECT_EQ(results_[1].verdict, Verdict::fail);
    EXPECT_THAT(results_[1].reason, StartsWith("hang"));
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
    LineHearer other_hearer;
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

TEST_F(SessionTest, LoadForgetsARecordThatWasStillHeld) {
    // The last case has its record, and no word of the payload follows.
    ScriptedTarget target{
        [](GuestVoice& voice, const std::vector<PlannedCase>& plan, unsigned machine) {
            voice.hello();
            for (const PlannedCase& one : plan) {
                voice.begin(one.index);
                voice.report(one.index, {machine == 1 ? one.index + 1 : one.index});
            }
            if (machine == 1) {
                voice.falls_silent();
            } else {
                voice.end();
            }
        }};
    Session session{target, images_, options_, hearer_};
    load_into(session);
    for (int i = 0; i < 4; ++i) {
        session.step(1ms);
    }
    load_into(session);
    drive(session);
    collect(session);
    expect_only_case_2(Verdict::pass, "");
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
