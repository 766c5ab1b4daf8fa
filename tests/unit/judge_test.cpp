// SPDX-License-Identifier: GPL-2.0-only
// The judge on the right record of an exit, and on one record for each way of being wrong: the
// verdict, and the field it names. What is no exit: judge_others_test.cpp.
#include "harness/svm/cpu.hpp"
#include "tests/unit/judge_sample.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

namespace field = svm::field;
using cases::Match;
using samples::cpuid_case;
using samples::cpuid_exit;
using samples::record_with;
using samples::sample_insn;
using samples::SampleJudge;
using samples::vmcb_word;
using samples::wrong_fields;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::uint32_t data_at = offsetof(L2Memory, data);

class Judge : public testing::Test {
protected:
    SampleJudge judge_;

    /// What is wrong with the usual record after one more change.
    template<class Alter>
    std::vector<std::string> wrong_after(Alter&& alter) {
        Observation seen = cpuid_exit();
        alter(seen);
        const CaseResult result = judge_(cpuid_case(), seen);
        EXPECT_EQ(result.verdict, Verdict::fail);
        return wrong_fields(result);
    }
};

TEST_F(Judge, PassesTheRightRecord) {
    const CaseResult result = judge_(cpuid_case(), cpuid_exit());
    EXPECT_EQ(result.verdict, Verdict::pass) << result.reason;
    EXPECT_EQ(result.reason, "");
    EXPECT_EQ(result.exit_code, 0x72u);
    EXPECT_EQ(result.masked_bytes, 0u);
    EXPECT_EQ(result.name, cpuid_case().name);
    EXPECT_EQ(result.manual, "APM2 15.9");
    EXPECT_EQ(result.place.file, "cases/intercept/simple_instructions.cpp");
    EXPECT_EQ(result.place.line, 17u);
    EXPECT_TRUE(result.confirmed);
    ASSERT_EQ(result.fields.size(), 1u);
    EXPECT_EQ(result.fields[0].field, "control.exit_code");
    EXPECT_EQ(result.fields[0].actual, "0x072 cpuid");
    EXPECT_TRUE(result.fields[0].matches);
    EXPECT_THAT(result.code, IsEmpty());
}

TEST_F(Judge, NamesAnotherExitCode) {
    Observation seen = cpuid_exit();
    seen.vmcb[0].value = 0x78;
    const CaseResult result = judge_(cpuid_case(), seen);
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_EQ(result.reason, "control.exit_code: expected 0x072 cpuid, actual 0x078 hlt");
    EXPECT_EQ(result.exit_code, 0x78u);
    EXPECT_THAT(wrong_fields(result), ElementsAre("control.exit_code"));
}

TEST_F(Judge, ComparesAll64BitsOfTheExitCode) {
    EXPECT_THAT(wrong_after([](auto& seen) { seen.vmcb[0].value = 0x72 | 1ull << 32; }),
                ElementsAre("control.exit_code"));
}

TEST_F(Judge, NamesTheInstructionThatWasExecuted) {
    Observation seen = cpuid_exit();
    seen.vmcb[2].value = samples::sample_after;
    const CaseResult result = judge_(cpuid_case(), seen);
    EXPECT_EQ(result.reason,
              "save.rip: expected 0x0000000000100002 (insn), actual 0x0000000000100004 (after)");
    // The code around it, with the instruction under test and where RIP stands.
    ASSERT_EQ(result.code.size(), 4u);
    EXPECT_EQ(result.code[2].text, "cpuid");
    EXPECT_EQ(result.code[2].bytes, "0f a2");
    EXPECT_EQ(result.code[2].note, "insn");
    EXPECT_EQ(result.code[3].text, "vmmcall");
    EXPECT_EQ(result.code[3].note, "<-- rip");
}

TEST_F(Judge, NoticesThatL2NeverRan) {
    EXPECT_THAT(wrong_after([](auto& seen) { seen.vmcb.pop_back(); }), ElementsAre("save.rip"));
}

TEST_F(Judge, NextRipIsForCpusWithNrips) {
    EXPECT_THAT(wrong_after([](auto& seen) { seen.vmcb[1].value = 0; }),
                ElementsAre("control.next_rip"));
    judge_.features.clear(svm::Feature::nrips);
    Observation seen = cpuid_exit();
    const CaseResult with = judge_(cpuid_case(), seen);
    EXPECT_EQ(with.verdict, Verdict::pass) << "without NRIPS nothing is promised about the field";
    EXPECT_EQ(with.masked_bytes, 2u) << "0x100004 differs from 0 in two bytes";
    seen.vmcb.erase(seen.vmcb.begin() + 1);
    const CaseResult without = judge_(cpuid_case(), seen);
    EXPECT_EQ(without.verdict, Verdict::pass);
    EXPECT_EQ(without.masked_bytes, 0u);
}

TEST_F(Judge, NamesExitInfo) {
    // CPUID is no exit that defines EXITINFO. A row may say what it holds all the same.
    cases::ExitExpectation exit{.exit_code = svm::ExitCode::cpuid};
    exit.fields = {{field::exit_info_1, 0x1234}, {field::exit_info_2, samples::sample_insn}};
    Observation seen = cpuid_exit();
    seen.vmcb.push_back(vmcb_word(field::exit_info_1, 0x1234));
    const CaseResult result = judge_(cpuid_case(exit), seen);
    EXPECT_THAT(wrong_fields(result), ElementsAre("control.exit_info_2"));
    EXPECT_EQ(result.fields.back().expected, "0x0000000000100002");
    seen.vmcb.push_back(vmcb_word(field::exit_info_2, samples::sample_insn));
    EXPECT_EQ(judge_(cpuid_case(exit), seen).verdict, Verdict::pass);
}

TEST_F(Judge, NamesAnEventThatWasNotThere) {
    EXPECT_THAT(wrong_after([](auto& seen) {
                    seen.vmcb.push_back(vmcb_word(field::exit_int_info, 0x8000'030e));
                }),
                ElementsAre("control.exit_int_info"));
}

TEST_F(Judge, FrameRuleCoversReservedBytes) {
    EXPECT_THAT(wrong_after([](auto& seen) {
                    seen.vmcb.push_back({0x028, 0x0000'ff00'0000'0000});
                }),
                ElementsAre("control.reserved_018+0x10"));
    EXPECT_THAT(wrong_after([](auto& seen) {
                    seen.vmcb.push_back({0x0e8, 1});
                }),
                ElementsAre("control.reserved_0e8"));
    EXPECT_THAT(wrong_after([](auto& seen) {
                    seen.vmcb.push_back({0xff8, 1});
                }),
                ElementsAre(StartsWith("save.reserved")));
}

// No byte of the page lies outside the judgement: where one may change freely the rules say so, and
// that is counted.
TEST_F(Judge, EveryWordOfTheVmcbIsJudgedOrCounted) {
    const auto resolver = Resolver::make(judge_.image(), cpuid_case());
    ASSERT_TRUE(resolver);
    const auto encoded = encode_case(cpuid_case(), 0, *resolver);
    ASSERT_TRUE(encoded);
    BeforeImage before{judge_.pristine(), cpuid_case(), resolver->place()};
    for (const wire::Op& op : encoded->ops) {
        before.apply(op);
    }
    std::array<std::uint64_t, svm::vmcb_size / 8> words;
    std::memcpy(words.data(), &before.vmcb(), sizeof words);
    for (const Change& change : cpuid_exit().vmcb) {
        words[change.where / 8] = change.value;
    }
    unsigned judged = 0;
    for (std::uint32_t i = 0; i < words.size(); ++i) {
        Observation seen = cpuid_exit();
        seen.vmcb.push_back({i * 8, ~words[i]});
        const CaseResult result = judge_(cpuid_case(), seen);
        EXPECT_TRUE(result.verdict == Verdict::fail || result.masked_bytes == 8)
            << "offset " << i * 8;
        judged += result.verdict == Verdict::fail ? 1 : 0;
    }
    EXPECT_GE(judged, 500u) << "all but a handful of 512";
}

// Though a row states all of them.
TEST_F(Judge, AttributesThatTheCpuDoesNotObserveMayBeOthers) {
    const std::uint16_t code = svm::code64_attributes().value;
    cases::ExitExpectation stated{.exit_code = svm::ExitCode::cpuid};
    stated.fields = {{svm::field::cs_attributes, code}};
    for (const cases::ExitExpectation& row :
         {cases::ExitExpectation{.exit_code = svm::ExitCode::cpuid}, stated}) {
        const auto verdict_with_other = [&](svm::SegmentAttributes::Range bits) {
            const auto attributes = static_cast<std::uint16_t>(code ^ bits.mask());
            const svm::Segment cs{l2_selector::code64, svm::SegmentAttributes::of(attributes),
                                  world::flat_limit, 0};
            std::uint64_t word = 0;
            std::memcpy(&word, &cs, sizeof word);
            Observation seen = cpuid_exit();
            seen.vmcb.push_back(vmcb_word(svm::field::cs_selector, word));
            return judge_(cpuid_case(row), seen).verdict;
        };
        EXPECT_EQ(verdict_with_other(svm::SegmentAttributes::granularity), Verdict::pass);
        EXPECT_EQ(verdict_with_other(svm::SegmentAttributes::available), Verdict::pass);
        EXPECT_EQ(verdict_with_other(svm::SegmentAttributes::long_mode), Verdict::fail);
        EXPECT_EQ(verdict_with_other(svm::SegmentAttributes::present), Verdict::fail);
    }
}

TEST_F(Judge, SaysWhichBitsChanged) {
    Observation seen = cpuid_exit();
    // Of 00Ch CPUID and SHUTDOWN were set.
    seen.vmcb.push_back({0x008, (1ull << 14 | 1ull << 31) << 32});
    const CaseResult result = judge_(cpuid_case(), seen);
    EXPECT_THAT(wrong_fields(result), ElementsAre("control.intercept_instructions_1"));
    EXPECT_EQ(result.fields.back().changed_bits, "+rdtsc -cpuid");
}

TEST_F(Judge, StateIsComparedInItsCanonicalForm) {
    cases::Case subject = cpuid_case();
    subject.steps.insert(subject.steps.begin(), cases::vmcb_field(field::rflags, 0));
    Observation seen = cpuid_exit();
    EXPECT_THAT(wrong_fields(judge_(subject, seen)), ElementsAre("save.rflags"))
        << "bit 1 reads as one";
    seen.vmcb.push_back(vmcb_word(field::rflags, 2));
    EXPECT_EQ(judge_(subject, seen).verdict, Verdict::pass);
}

TEST_F(Judge, NamesAClobberedRegister) {
    Observation seen = cpuid_exit();
    seen.registers = {{static_cast<std::uint32_t>(Register::rbx), 0x68747541}};
    const CaseResult result = judge_(cpuid_case(), seen);
    EXPECT_EQ(result.reason, "l2.rbx: expected 0x5a005a0303030303, actual 0x0000000068747541");
}

TEST_F(Judge, RaxAndRspAreTakenFromTheVmcb) {
    EXPECT_THAT(wrong_after([](auto& seen) { seen.vmcb.push_back(vmcb_word(field::rax, 0xd)); }),
                ElementsAre("save.rax"));
    Observation seen = cpuid_exit();
    seen.registers = {{static_cast<std::uint32_t>(Register::rax), 1},
                      {static_cast<std::uint32_t>(Register::rsp), 1}};
    EXPECT_EQ(judge_(cpuid_case(), seen).verdict, Verdict::pass) << "their slots are not used";
}

TEST_F(Judge, In32BitCodeOnlyTheVisibleHalfOfARegisterCounts) {
    cases::Case subject = cpuid_case();
    subject.start.mode = L2Mode::compat;
    const std::uint64_t start = samples::PayloadSample::code + 7;
    Observation seen;
    seen.kind = wire::ObservationKind::exit;
    seen.vmcb = {vmcb_word(field::exit_code, 0x72), vmcb_word(field::next_rip, start + 4),
                 vmcb_word(field::rip, start + 2)};
    seen.registers = {{static_cast<std::uint32_t>(Register::rbx), 0x0303'0303},
                      {static_cast<std::uint32_t>(Register::r8), 0}};
    const CaseResult upper = judge_(subject, seen);
    EXPECT_EQ(upper.verdict, Verdict::pass) << upper.reason;
    EXPECT_GT(upper.masked_bytes, 0u);
    seen.registers[0].value = 0x0303'0304;
    EXPECT_THAT(wrong_fields(judge_(subject, seen)), ElementsAre("l2.rbx"));
}

TEST_F(Judge, RegistersAreExpectedByValueMaskAndChange) {
    cases::ExitExpectation exit{.exit_code = svm::ExitCode::cpuid};
    exit.registers = {{.reg = Register::rbx, .value = 42},
                      {.reg = Register::rcx, .value = 7, .mask = 0xff},
                      {.reg = Register::rdx, .match = Match::changed},
                      {.reg = Register::rsi, .mask = 0xf, .match = Match::free}};
    Observation seen = cpuid_exit();
    const std::uint64_t rcx = (fresh_register(1) & ~0xffull) | 7;
    seen.registers = {{3, 42}, {1, rcx}, {2, 1}, {6, fresh_register(6) ^ 0xf}};
    const CaseResult right = judge_(cpuid_case(exit), seen);
    EXPECT_EQ(right.verdict, Verdict::pass) << right.reason;
    EXPECT_EQ(right.masked_bytes, 8u) << "seven of RDX, of which one byte was zero, one of RSI";

    seen.registers = {{1, rcx ^ 0x100}, {6, fresh_register(6) ^ 0x10}};
    const CaseResult wrong = judge_(cpuid_case(exit), seen);
    EXPECT_THAT(wrong_fields(wrong),
                testing::UnorderedElementsAre("l2.rbx", "l2.rcx", "l2.rdx", "l2.rsi"));
    for (const FieldDifference& one : wrong.fields) {
        if (one.field == "l2.rdx") {
            EXPECT_EQ(one.expected, "changed");
            EXPECT_THAT(one.actual, HasSubstr("(unchanged)"));
        }
    }
}

TEST_F(Judge, NamesChangedMemory) {
    Observation seen = cpuid_exit();
    seen.memory = {{Region::l2_memory, data_at + 16, 0}};
    const CaseResult result = judge_(cpuid_case(), seen);
    EXPECT_EQ(result.reason, "data+0x10: expected 0xe7e6e5e4e3e2e1e0, actual 0x0000000000000000");

    const auto name_of = [&](Region region, std::uint32_t offset) {
        seen.memory = {{region, offset, 0x1234}};
        return wrong_fields(judge_(cpuid_case(), seen)).at(0);
    };
    EXPECT_EQ(name_of(Region::l2_memory, 8), "gdt+0x8");
    EXPECT_EQ(name_of(Region::l2_memory, offsetof(L2Memory, tss64) + 8), "tss64+0x8");
    EXPECT_EQ(name_of(Region::l2_memory, offsetof(L2Memory, tss32)), "tss32+0x0");
    EXPECT_EQ(name_of(Region::l2_memory, offsetof(L2Memory, stack) + 0x1f8), "stack+0x1f8");
    EXPECT_EQ(name_of(Region::l2_memory, offsetof(L2Memory, kernel_stack)), "kernel_stack+0x0");
    EXPECT_EQ(name_of(Region::pml4, 0), "pml4+0x0");
    EXPECT_EQ(name_of(Region::nested_pd, 8), "nested_pd+0x8");
}

TEST_F(Judge, MemoryIsExpectedByteForByte) {
    cases::ExitExpectation exit{.exit_code = svm::ExitCode::cpuid};
    // Four bytes across the border of two words, then one that may be anything, one that changes.
    exit.memory = {{Region::l2_memory, data_at + 6, 4, 0x11223344},
                   {Region::l2_memory, data_at + 16, 1, {}, 0xff, Match::free},
                   {Region::l2_memory, data_at + 24, 1, {}, 0xff, Match::changed}};
    Observation seen = cpuid_exit();
    seen.memory = {{Region::l2_memory, data_at + 0, 0x3344'd5d4'd3d2'd1d0},
                   {Region::l2_memory, data_at + 8, 0xdfde'dddc'dbda'1122},
                   {Region::l2_memory, data_at + 16, 0xe7e6'e5e4'e3e2'e1ff},
                   {Region::l2_memory, data_at + 24, 0xefee'edec'ebea'e900}};
    const CaseResult right = judge_(cpuid_case(exit), seen);
    EXPECT_EQ(right.verdict, Verdict::pass) << right.reason;
    EXPECT_EQ(right.masked_bytes, 2u);

    seen.memory = {{Region::l2_memory, data_at + 0, 0x3344'd5d4'd3d2'd1d0},
                   {Region::l2_memory, data_at + 16, 0xe7e6'e5e4'e3e2'00ff}};
    EXPECT_THAT(wrong_fields(judge_(cpuid_case(exit), seen)),
                testing::UnorderedElementsAre("data+0x8", "data+0x10", "data+0x18"));
}

TEST_F(Judge, WhatTheCaseWroteIsWhatMemoryHeld) {
    cases::Case subject = cpuid_case();
    subject.steps.insert(subject.steps.begin(), cases::l2_data_bytes(4, 8, 0x8877665544332211));
    Observation seen = cpuid_exit();
    seen.memory = {{Region::l2_memory, data_at + 8, 0}};
    const CaseResult result = judge_(subject, seen);
    EXPECT_EQ(result.reason, "data+0x8: expected 0xdfdedddc88776655, actual 0x0000000000000000");
}

TEST_F(Judge, NamesStateOfL1ThatWasNotRestored) {
    const auto wrong_with = [this](wire::L1State state, std::uint64_t value) {
        Observation seen = cpuid_exit();
        seen.l1 = {{static_cast<std::uint32_t>(state), value}};
        return wrong_fields(judge_(cpuid_case(), seen));
    };
    EXPECT_THAT(wrong_with(wire::L1State::cr3, 0x1000), ElementsAre("l1.cr3"));
    EXPECT_THAT(wrong_with(wire::L1State::rax, 8), ElementsAre("l1.rax"));
    EXPECT_THAT(wrong_with(wire::L1State::idtr_limit, 0), ElementsAre("l1.idtr.limit"));
    EXPECT_THAT(wrong_with(wire::L1State::cr2, 5), ElementsAre("l1.cr2"));
    // Of DR7 only the breakpoint enables are forced to zero.
    EXPECT_THAT(wrong_with(wire::L1State::dr7, 0x455), ElementsAre("l1.dr7"));
    EXPECT_THAT(wrong_with(wire::L1State::dr7, 0x700), IsEmpty());
}

TEST_F(Judge, AVmrunThatDidNotEnterLeavesCr2AndTheSaveAreaOpen) {
    Observation seen;
    seen.kind = wire::ObservationKind::exit;
    seen.vmcb = {vmcb_word(field::exit_code, ~0ull), vmcb_word(field::rip, 0x77)};
    seen.l1 = {{static_cast<std::uint32_t>(wire::L1State::cr2), 5}};
    const auto invalid = cpuid_case({.exit_code = svm::ExitCode::invalid});
    const CaseResult right = judge_(invalid, seen);
    EXPECT_EQ(right.verdict, Verdict::pass) << right.reason;
    EXPECT_EQ(right.masked_bytes, 2u) << "0x77 instead of 0x100000";
    seen.l1.push_back({static_cast<std::uint32_t>(wire::L1State::cr0), 1});
    EXPECT_THAT(wrong_fields(judge_(invalid, seen)), ElementsAre("l1.cr0"));
}

TEST_F(Judge, FieldsThatOnlySomeCpusHave) {
    cases::ExitExpectation exit{.exit_code = svm::ExitCode::cpuid};
    exit.fields = {
        {.field = field::exit_info_1, .value = 5, .needs = svm::Feature::decode_assists}};
    EXPECT_THAT(wrong_fields(judge_(cpuid_case(exit), cpuid_exit())),
                ElementsAre("control.exit_info_1"));
    judge_.features.clear(svm::Feature::decode_assists);
    EXPECT_EQ(judge_(cpuid_case(exit), cpuid_exit()).verdict, Verdict::pass);
}

TEST_F(Judge, BytesOfTheInstruction) {
    using cases::InstructionBytes;
    const auto wrong = [&](InstructionBytes wanted, std::uint64_t count_and_bytes,
                           std::uint64_t behind = 0) {
        Observation seen = cpuid_exit();
        seen.vmcb[0] = vmcb_word(field::exit_code, 0x400);
        seen.vmcb[1] = vmcb_word(field::next_rip, 0);
        seen.vmcb.push_back(vmcb_word(field::insn_byte_count, count_and_bytes));
        seen.vmcb.push_back({field::insn_byte_count.offset + 8, behind});
        return wrong_fields(judge_(
            cpuid_case({.exit_code = svm::ExitCode::npf, .instruction_bytes = wanted}), seen));
    };
    // CPUID and the marker behind it; what follows is another program's.
    constexpr std::uint64_t right = 0x77'66'd9'01'0f'a2'0f'0f;
    EXPECT_THAT(wrong(InstructionBytes::stored, right, 0x1234), IsEmpty());
    EXPECT_THAT(wrong(InstructionBytes::stored, right - 1), ElementsAre("control.insn_byte_count"));
    EXPECT_THAT(wrong(InstructionBytes::stored, right + (1 << 16)),
                ElementsAre("control.insn_bytes+0x0"));
    EXPECT_THAT(wrong(InstructionBytes::own, right - 13), IsEmpty()) << "CPUID has two";
    EXPECT_THAT(wrong(InstructionBytes::own, right), ElementsAre("control.insn_byte_count"));
    EXPECT_THAT(wrong(InstructionBytes::own, right - 13 + (1 << 16)),
                ElementsAre("control.insn_bytes+0x0"));
    EXPECT_THAT(wrong(InstructionBytes::none, right), ElementsAre("control.insn_byte_count"));
    EXPECT_THAT(wrong(InstructionBytes::none, right - 15), IsEmpty()) << "the bytes may be stale";
    EXPECT_THAT(wrong(InstructionBytes::unsaid, right), IsEmpty());
    judge_.features.clear(svm::Feature::decode_assists);
    EXPECT_THAT(wrong(InstructionBytes::stored, 0), IsEmpty());
    EXPECT_THAT(wrong(InstructionBytes::none, right), IsEmpty());
}

TEST_F(Judge, FieldsThatMustChange) {
    cases::ExitExpectation exit{.exit_code = svm::ExitCode::cpuid};
    exit.fields = {{.field = field::rax, .mask = 0xffff'ffff, .match = Match::changed}};
    Observation seen = cpuid_exit();
    const CaseResult unchanged = judge_(cpuid_case(exit), seen);
    EXPECT_THAT(unchanged.reason, StartsWith("save.rax: expected changed, actual 0x"));
    EXPECT_THAT(unchanged.reason, HasSubstr("(unchanged)"));
    seen.vmcb.push_back(vmcb_word(field::rax, fresh_register(0) ^ 1));
    EXPECT_EQ(judge_(cpuid_case(exit), seen).verdict, Verdict::pass);
    seen.vmcb.back().value = fresh_register(0) ^ 1 ^ 1ull << 32;
    EXPECT_THAT(wrong_fields(judge_(cpuid_case(exit), seen)), ElementsAre("save.rax"))
        << "the upper half is not covered by the mask";
}

TEST_F(Judge, EachRunOfACaseHasItsOwnExpectation) {
    cases::Case subject = cpuid_case();
    subject.steps.push_back(cases::vmcb_clear(field::intercept_instructions_1, 1u << 18));
    subject.steps.push_back(cases::Run{});
    subject.expectations.push_back(
        cases::ExitExpectation{.exit_code = svm::ExitCode::vmmcall,
                               .rip = cases::at_marker,
                               .next_rip = cases::Value{cases::Anchor::marker, 0, 3}});
    Observation second;
    second.kind = wire::ObservationKind::exit;
    second.vmcb = {vmcb_word(field::exit_code, 0x81),
                   vmcb_word(field::next_rip, samples::sample_marker + 3),
                   vmcb_word(field::rip, samples::sample_marker)};
    EXPECT_EQ(judge_(subject, record_with({cpuid_exit(), second})).verdict, Verdict::pass);
    const CaseResult swapped = judge_(subject, record_with({second, cpuid_exit()}));
    EXPECT_EQ(swapped.verdict, Verdict::fail);
    EXPECT_THAT(wrong_fields(swapped), testing::Contains("control.exit_code").Times(2));
}

TEST_F(Judge, CountsSeveralDifferences) {
    Observation seen = cpuid_exit();
    seen.vmcb[0].value = 0x81;
    seen.vmcb.push_back(vmcb_word(field::cr2, 1));
    seen.vmcb.push_back(vmcb_word(field::dr6, 0));
    EXPECT_EQ(judge_(cpuid_case(), seen).reason,
              "control.exit_code: expected 0x072 cpuid, actual 0x081 vmmcall (and 2 more)");
}

} // namespace
} // namespace vmrunit::runner
