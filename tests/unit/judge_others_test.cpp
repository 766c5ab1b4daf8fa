// SPDX-License-Identifier: GPL-2.0-only
// The judge where there is no exit to compare: faults in L1, what routines report, a machine that
// was to end, records that do not fit their case, cases that did not run.
#include "tests/unit/judge_sample.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using cases::Match;
using samples::call_case;
using samples::call_of;
using samples::cpuid_case;
using samples::cpuid_exit;
using samples::record_with;
using samples::SampleJudge;
using samples::vmcb_word;
using samples::wrong_fields;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

namespace field = svm::field;

class JudgeOfOthers : public testing::Test {
protected:
    SampleJudge judge_;
};

TEST_F(JudgeOfOthers, AFaultInL1InsteadOfAnExit) {
    Observation seen;
    seen.kind = wire::ObservationKind::exit;
    seen.faulted = true;
    seen.fault_vector = 13;
    const CaseResult result = judge_(cpuid_case(), seen);
    EXPECT_EQ(result.reason, "l1.vmrun: expected #VMEXIT, actual #GP (0x0)");
    EXPECT_FALSE(result.exit_code);
}

TEST_F(JudgeOfOthers, AFaultInL1AsExpected) {
    cases::Case subject = cpuid_case();
    subject.expectations = {cases::FaultExpectation{.vector = 13, .error_code = 0}};
    Observation seen;
    seen.kind = wire::ObservationKind::exit;
    seen.faulted = true;
    seen.fault_vector = 13;
    EXPECT_EQ(judge_(subject, seen).verdict, Verdict::pass);

    seen.vmcb = {vmcb_word(field::exit_code, ~0ull)};
    seen.memory = {{Region::l2_memory, 0, 1}};
    EXPECT_THAT(wrong_fields(judge_(subject, seen)), ElementsAre("vmcb+0x70", "memory+0x0"))
        << "a VMRUN that faults touches nothing";
    seen = cpuid_exit();
    EXPECT_THAT(judge_(subject, seen).reason,
                StartsWith("l1.vmrun: expected #GP (0x0), actual #VMEXIT"));
    seen = {.kind = wire::ObservationKind::exit, .faulted = true, .fault_vector = 6};
    EXPECT_EQ(judge_(subject, seen).reason, "l1.vmrun: expected #GP (0x0), actual #UD (0x0)");
    seen.fault_vector = 13;
    seen.fault_error = 0x10;
    EXPECT_EQ(judge_(subject, seen).reason, "l1.vmrun: expected #GP (0x0), actual #GP (0x10)");
}

TEST_F(JudgeOfOthers, AMachineThatWasToEndIsStillThere) {
    cases::Case subject = cpuid_case();
    subject.expectations = {cases::EndExpectation{}};
    EXPECT_THAT(judge_(subject, cpuid_exit()).reason,
                StartsWith("machine: expected ends, actual #VMEXIT 0x072"));
    const Observation fault{
        .kind = wire::ObservationKind::exit, .faulted = true, .fault_vector = 13};
    EXPECT_EQ(judge_(subject, fault).reason, "machine: expected ends, actual #GP (0x0)");
}

TEST_F(JudgeOfOthers, ValuesThatARoutineReports) {
    cases::CallExpectation expectation;
    expectation.values = {{.value = 7, .what = "first"},
                          {.value = 0x1f0, .mask = 0xf0, .what = "masked"},
                          {.value = 3, .match = Match::changed, .what = "other"},
                          {.match = Match::free, .what = "any"}};
    const cases::Case subject = call_case(expectation);
    EXPECT_EQ(judge_(subject, call_of({7, 0xf5, 4, 99})).verdict, Verdict::pass);
    EXPECT_THAT(wrong_fields(judge_(subject, call_of({8, 0xe5, 3, 99}))),
                ElementsAre("l1.value[0] first", "l1.value[1] masked", "l1.value[2] other"));
    const CaseResult missing = judge_(subject, call_of({7, 0xf5, 4}));
    EXPECT_EQ(missing.reason, "l1.value[3] any: expected reported, actual missing");

    Observation fault = call_of({});
    fault.faulted = true;
    fault.fault_vector = 6;
    EXPECT_EQ(judge_(subject, fault).reason, "l1.routine: expected no fault, actual #UD (0x0)");
    const cases::Case faulting = call_case({.fault = cases::FaultExpectation{.vector = 6}});
    EXPECT_EQ(judge_(faulting, fault).verdict, Verdict::pass);
    EXPECT_EQ(judge_(faulting, call_of({})).verdict, Verdict::fail);
}

TEST_F(JudgeOfOthers, WhatARoutineFindsOfL1ThatWasNotRestored) {
    const cases::Case subject = call_case({.values = {{.value = 7, .what = "first"}}});
    const auto at = [](wire::L1State state) { return static_cast<std::uint32_t>(state); };
    Observation seen = call_of({7});
    seen.l1 = {{at(wire::L1State::dr7), 0x500}}; // Of it only the enable bits are forced.
    EXPECT_EQ(judge_(subject, seen).verdict, Verdict::pass);
    seen.l1 = {{at(wire::L1State::dr7), 0x401}, {at(wire::L1State::cr4), 0x40660}};
    EXPECT_THAT(wrong_fields(judge_(subject, seen)), ElementsAre("l1.dr7", "l1.cr4"));

    const cases::Case faulting = call_case({.fault = cases::FaultExpectation{.vector = 6}});
    seen.faulted = true;
    seen.fault_vector = 6;
    EXPECT_THAT(wrong_fields(judge_(faulting, seen)), ElementsAre("l1.dr7", "l1.cr4"));
}

TEST_F(JudgeOfOthers, ARecordThatDoesNotFitItsCaseIsAnError) {
    const auto outcome = [this](const cases::Case& subject, std::vector<Observation> seen) {
        const CaseResult result = judge_(subject, record_with(std::move(seen)));
        EXPECT_EQ(result.verdict, Verdict::error) << result.reason;
        return result.reason;
    };
    EXPECT_THAT(outcome(cpuid_case(), {}), HasSubstr("fewer observations"));
    EXPECT_THAT(outcome(cpuid_case(), {cpuid_exit(), cpuid_exit()}),
                HasSubstr("more observations"));
    EXPECT_THAT(outcome(cpuid_case(), {call_of({})}), HasSubstr("of another kind"));
    EXPECT_THAT(outcome(call_case({}), {cpuid_exit()}), HasSubstr("of another kind"));
}

TEST_F(JudgeOfOthers, ARowThatDoesNotFitItsStepsIsAnError) {
    cases::Case calls = call_case({});
    calls.expectations = {cases::ExitExpectation{}};
    EXPECT_THAT(judge_(calls, call_of({})).reason, HasSubstr("something else than its step"));
    cases::Case twice = cpuid_case();
    twice.expectations.push_back(cases::ExitExpectation{});
    EXPECT_THAT(judge_(twice, cpuid_exit()).reason, HasSubstr("more expectations than runs"));
    cases::Case unasked = cpuid_case();
    unasked.expectations.clear();
    EXPECT_THAT(judge_(unasked, cpuid_exit()).reason, HasSubstr("more runs than expectations"));
    cases::Case idle = unasked;
    idle.steps.clear();
    const CaseResult nothing = judge_(idle, record_with({}));
    EXPECT_EQ(nothing.verdict, Verdict::error) << "a row that expects nothing must not pass";
    EXPECT_EQ(nothing.reason, "the row expects nothing");
}

TEST_F(JudgeOfOthers, MeasurementsAreNotJudged) {
    Observation ticks = call_of({1, 2, 3});
    ticks.kind = wire::ObservationKind::measurement;
    EXPECT_EQ(judge_(cpuid_case(), record_with({cpuid_exit(), ticks})).verdict, Verdict::pass);
    cases::Case bare = cpuid_case();
    bare.steps = {cases::Measure{10}};
    bare.expectations.clear();
    EXPECT_EQ(judge_(bare, record_with({ticks})).verdict, Verdict::pass);
}

TEST_F(JudgeOfOthers, OutcomesOtherThanRan) {
    const auto result_of = [this](wire::CaseOutcome outcome, std::uint64_t low = 0,
                                  std::uint64_t high = 0) {
        cases::Case subject = cpuid_case();
        subject.needs = {svm::Feature::rdpru, svm::Feature::vnmi};
        Record record;
        record.outcome = outcome;
        record.detail[0] = low;
        record.detail[1] = high;
        return judge_(subject, record);
    };
    const svm::Features missing{svm::Feature::rdpru, svm::Feature::vnmi};
    const CaseResult skipped =
        result_of(wire::CaseOutcome::missing_feature, missing.words()[0], missing.words()[1]);
    EXPECT_EQ(skipped.verdict, Verdict::skip);
    EXPECT_EQ(skipped.reason, "the CPU has no rdpru, vnmi");
    EXPECT_EQ(result_of(wire::CaseOutcome::bad_plan).verdict, Verdict::error);
    const CaseResult fault = result_of(wire::CaseOutcome::l1_fault, 14, 0x101234);
    EXPECT_EQ(fault.verdict, Verdict::fail);
    EXPECT_EQ(fault.reason, "L1 took #PF at 0x101234");
    EXPECT_EQ(result_of(wire::CaseOutcome::record_overflow).verdict, Verdict::fail);
}

TEST_F(JudgeOfOthers, APayloadCannotExcuseACaseByAFeatureThatIsThere) {
    Record record;
    record.outcome = wire::CaseOutcome::missing_feature;
    record.detail[0] = ~0ull;
    const CaseResult result = judge_(cpuid_case(), record);
    EXPECT_EQ(result.verdict, Verdict::error);
    EXPECT_THAT(result.reason, HasSubstr("a feature that its CPU has"));
}

TEST_F(JudgeOfOthers, ACaseForACpuWithoutAFeatureIsSkippedOnOneThatHasIt) {
    cases::Case subject = cpuid_case();
    subject.without = {svm::Feature::nrips, svm::Feature::rdpru};
    Record record;
    record.outcome = wire::CaseOutcome::present_feature;
    record.detail[0] = svm::Features{svm::Feature::nrips}.words()[0];
    record.detail[1] = svm::Features{svm::Feature::nrips}.words()[1];
    const CaseResult skipped = judge_(subject, record);
    EXPECT_EQ(skipped.verdict, Verdict::skip);
    EXPECT_EQ(skipped.reason, "the CPU has nrips");
    // A payload cannot excuse a case by a feature that is not there.
    subject.without = {svm::Feature::rdpru};
    EXPECT_EQ(judge_(subject, record).verdict, Verdict::error);
}

} // namespace
} // namespace vmrunit::runner
