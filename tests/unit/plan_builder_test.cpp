// SPDX-License-Identifier: GPL-2.0-only
// From rows to the bytes of a plan, and back by the payload's own reader.
#include "cases/model/instruction_table.hpp"
#include "cases/model/segment_end.hpp"
#include "guest_payloads/l1/plan_reader.hpp"
#include "harness/wire/crc32.hpp"
#include "host_runner/plan/plan_builder.hpp"
#include "tests/unit/judge_sample.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using guest::PlanReader;
using samples::cpuid_case;
using samples::PayloadSample;
using testing::HasSubstr;
using wire::Op;

class PlanBuilder : public testing::Test {
protected:
    [[nodiscard]] Result<EncodedCase> encode(const cases::Case& subject,
                                             std::uint32_t index = 0) const {
        const auto resolver = Resolver::make(image_, subject);
        if (!resolver) {
            return tl::unexpected(resolver.error());
        }
        return encode_case(subject, index, *resolver);
    }
    [[nodiscard]] std::string refusal(const cases::Case& subject) const {
        const auto encoded = encode(subject);
        return encoded ? std::string{"accepted"} : encoded.error().line();
    }
    [[nodiscard]] const PayloadImage& image() const { return image_; }

private:
    PayloadImage image_ = PayloadSample{}.load();
};

TEST_F(PlanBuilder, EncodesEveryKindOfStep) {
    cases::Case subject = cpuid_case();
    subject.start = {L2Mode::compat, 3, false};
    subject.needs = {svm::Feature::np, svm::Feature::nrips};
    subject.without = {svm::Feature::skinit, svm::Feature::eraps};
    subject.steps = {
        cases::vmcb_field(svm::field::tsc_offset, cases::l2_data),
        cases::vmcb_set(svm::field::intercept_cr, 0x10),
        cases::vmcb_clear(svm::field::intercept_cr, 0x20),
        cases::Write{Op::Code::fill, Region::msr_permissions, 0x800, 0xff, 0x1000},
        cases::L1Write{wire::L1Register::msr, 0xc000'0080, 0x1d01},
        cases::Run{},
        cases::Run{cases::in_region(Region::spare_vmcb)},
        cases::Call{"probe", 12},
        cases::Measure{1000},
    };
    const auto encoded = encode(subject, 42);
    ASSERT_TRUE(encoded) << encoded.error().line();
    EXPECT_EQ(encoded->head.index, 42u);
    EXPECT_EQ(encoded->head.mode, L2Mode::compat);
    EXPECT_EQ(encoded->head.cpl, 3);
    EXPECT_EQ(encoded->head.nested_paging, 0);
    EXPECT_EQ(encoded->head.needs[0], subject.needs.words()[0]);
    EXPECT_EQ(encoded->head.needs[1], subject.needs.words()[1]);
    EXPECT_EQ(encoded->head.without[0], subject.without.words()[0]);
    EXPECT_EQ(encoded->head.without[1], subject.without.words()[1]);
    ASSERT_EQ(encoded->ops.size(), 10u) << "the steps, and before them RIP";
    EXPECT_EQ(encoded->head.op_count, 10);

    const auto expect_op = [&](std::size_t i, Op::Code code, unsigned size, unsigned region,
                               std::uint32_t offset, std::uint64_t value) {
        const Op& op = encoded->ops[i];
        EXPECT_EQ(op.code, code) << i;
        EXPECT_EQ(op.size, size) << i;
        EXPECT_EQ(op.region, region) << i;
        EXPECT_EQ(op.offset, offset) << i;
        EXPECT_EQ(op.value, value) << i;
    };
    const auto region = [](Region one) { return static_cast<unsigned>(one); };
    const std::uint64_t arena = PayloadSample::arenas;
    expect_op(0, Op::Code::write, 8, region(Region::vmcb), 0x578, PayloadSample::code + 7);
    expect_op(1, Op::Code::write, 8, region(Region::vmcb), 0x050,
              arena + offsetof(Arena, l2) + offsetof(L2Memory, data));
    expect_op(2, Op::Code::set_bits, 4, region(Region::vmcb), 0x000, 0x10);
    expect_op(3, Op::Code::clear_bits, 4, region(Region::vmcb), 0x000, 0x20);
    expect_op(4, Op::Code::fill, 0xff, region(Region::msr_permissions), 0x800, 0x1000);
    expect_op(5, Op::Code::l1_write, 8, 0, 0xc000'0080, 0x1d01);
    expect_op(6, Op::Code::run, 0, 0, 0, 0);
    expect_op(7, Op::Code::run, 0, 0, 0, arena + offsetof(Arena, spare_vmcb));
    expect_op(8, Op::Code::call, 0, 0, 12, PayloadSample::routine_entry);
    expect_op(9, Op::Code::measure, 0, 0, 1000, 0);
}

TEST_F(PlanBuilder, CopiesAProgramToTheBorderOfTwoPages) {
    constexpr std::uint64_t border = 0xc000'1000;
    for (const bool splits : {false, true}) {
        cases::Case subject = cpuid_case();
        subject.steps = {cases::Run{}};
        subject.code_copy =
            cases::CodeCopy{border, splits, false, {Region::idt16, page_size}, {Region::ivt, 0}};
        const auto resolver = Resolver::make(image(), subject);
        ASSERT_TRUE(resolver);
        // Two bytes, CPUID of two bytes, VMMCALL of three.
        const std::uint64_t insn = splits ? border - 1 : border - 2;
        EXPECT_EQ((*resolver)(cases::at_start), insn - 2);
        EXPECT_EQ((*resolver)(cases::at_insn), insn);
        EXPECT_EQ((*resolver)(cases::at_after), insn + 2);
        EXPECT_EQ((*resolver)(cases::at_marker), insn + 2);

        const auto encoded = encode_case(subject, 0, *resolver);
        ASSERT_TRUE(encoded);
        const std::vector<std::uint8_t>& bytes = resolver->program().bytes;
        std::vector<std::uint8_t> first(page_size);
        std::vector<std::uint8_t> second(page_size);
        for (const Op& op : encoded->ops) {
            if (op.region == static_cast<unsigned>(Region::idt16)) {
                std::memcpy(first.data() + op.offset, &op.value, op.size);
            } else if (op.region == static_cast<unsigned>(Region::ivt)) {
                std::memcpy(second.data() + op.offset, &op.value, op.size);
            }
        }
        std::vector<std::uint8_t> both{first.end() - (splits ? 3 : 4), first.end()};
        both.insert(both.end(), second.begin(), second.begin() + (splits ? 4 : 3));
        EXPECT_EQ(both, bytes);
    }
}

TEST(SegmentEnd, LastByteOrFirstOneOfAnInstructionIsAtFfff) {
    const PayloadImage image = PayloadSample{}.load();
    for (const bool splits : {false, true}) {
        cases::Case subject = cpuid_case();
        subject.start.mode = L2Mode::real;
        subject.steps = cases::segment_before_end();
        subject.steps.emplace_back(cases::Run{});
        subject.code_copy = cases::code_at_segment_end(splits);
        const auto resolver = Resolver::make(image, subject);
        ASSERT_TRUE(resolver);
        const std::uint64_t insn = splits ? 0xffff : 0xfffe;
        EXPECT_EQ((*resolver)(cases::at_insn), insn);
        EXPECT_EQ((*resolver)(cases::at_after), insn + 2);

        const auto encoded = encode_case(subject, 0, *resolver);
        ASSERT_TRUE(encoded);
        std::vector<std::uint8_t> memory(sizeof(Arena::pd));
        std::uint64_t base = 0;
        for (const Op& op : encoded->ops) {
            if (op.region == static_cast<unsigned>(Region::pd)) {
                std::memcpy(memory.data() + op.offset, &op.value, op.size);
            } else if (op.region == static_cast<unsigned>(Region::vmcb) &&
                       op.offset == svm::field::cs_base.offset) {
                base = op.value;
            }
        }
        const std::uint64_t at = base + insn - region_address(resolver->place(), Region::pd);
        const std::vector<std::uint8_t>& bytes = resolver->program().bytes;
        ASSERT_LT(at, memory.size());
        EXPECT_TRUE(std::equal(bytes.begin() + 2, bytes.end(),
                               memory.begin() + static_cast<std::ptrdiff_t>(at)));
        EXPECT_EQ(base, resolver->code_base());
    }
}

TEST(CodeCopy, TakesAlongWhatClearsUpperHalves) {
    PayloadSample sample = PayloadSample::for_32bit_l1();
    const FileBytes way(clear_upper_halves_size, std::byte{0x89});
    sample.text.insert(sample.text.begin(), way.begin(), way.end());
    sample.programs.front() =
        PayloadSample::program("cpuid", 64, PayloadSample::code + clear_upper_halves_size);
    const PayloadImage image = sample.load();
    for (const L1Mode l1 : {L1Mode::long64, L1Mode::pae}) {
        cases::Case subject = cpuid_case();
        subject.start.l1 = l1;
        subject.steps = {cases::l2_register(Register::rcx, 0), cases::Run{}};
        subject.code_copy = cases::CodeCopy{
            0xc000'1000, false, false, {Region::idt16, page_size}, {Region::ivt, 0}};
        const auto resolver = Resolver::make(image, subject);
        ASSERT_TRUE(resolver);
        const auto encoded = encode_case(subject, 0, *resolver);
        ASSERT_TRUE(encoded);
        std::uint32_t first = page_size;
        for (const Op& op : encoded->ops) {
            if (op.region == static_cast<unsigned>(Region::idt16)) {
                first = std::min(first, op.offset);
            }
        }
        const std::uint64_t before = l1 == L1Mode::pae ? clear_upper_halves_size : 0;
        EXPECT_EQ(first, page_size - 4 - before);
        EXPECT_EQ(encoded->ops.front().value, 0xc000'1000 - 4 - before) << "RIP";
    }
}

TEST(SegmentEnd, FlatCodeHasNone) {
    const PayloadImage image = PayloadSample{}.load();
    cases::Case subject = cpuid_case();
    subject.code_copy = cases::code_at_segment_end(false);
    EXPECT_FALSE(Resolver::make(image, subject));
}

TEST_F(PlanBuilder, ValuesCountFromTheirAnchors) {
    const auto resolver = Resolver::make(image(), cpuid_case());
    ASSERT_TRUE(resolver);
    const Resolver& resolve = *resolver;
    EXPECT_EQ(resolve(0x1234), 0x1234u);
    EXPECT_EQ(resolve(cases::at_start), PayloadSample::code);
    EXPECT_EQ(resolve(cases::at_insn), PayloadSample::code + 2);
    EXPECT_EQ(resolve(cases::at_after), PayloadSample::code + 4);
    EXPECT_EQ(resolve(cases::at_marker), PayloadSample::code + 4) << "three bytes before the end";
    EXPECT_EQ(resolve(cases::at_handler(13)), PayloadSample::handlers + 13 * 8);
    EXPECT_EQ(resolve(cases::Value{cases::Anchor::insn, 0, 5}), PayloadSample::code + 7);
    EXPECT_EQ(resolve(cases::in_region(Region::io_permissions, 3)),
              PayloadSample::arenas + offsetof(Arena, io_permissions) + 3);
    const auto on_second_cpu = Resolver::make(image(), cpuid_case(), 1);
    ASSERT_TRUE(on_second_cpu);
    EXPECT_EQ(on_second_cpu->place().arena, PayloadSample::arenas + 3 * sizeof(Arena));
    EXPECT_EQ(on_second_cpu->place().low_memory, PayloadSample::low_memory + page_size);
}

TEST_F(PlanBuilder, BitsOfAValueAreClearedThenSet) {
    const auto resolver = Resolver::make(image(), cpuid_case());
    ASSERT_TRUE(resolver);
    const Resolver& resolve = *resolver;
    const cases::Value cr0 = cases::fresh(svm::field::cr0);
    EXPECT_EQ(resolve(cr0), world::mode_registers(L2Mode::long64).cr0);
    EXPECT_EQ(resolve(cr0 | svm::cr0::am), resolve(cr0) | svm::cr0::am);
    EXPECT_EQ(resolve(cr0 & ~svm::cr0::pe), resolve(cr0) & ~svm::cr0::pe);
    EXPECT_EQ(resolve((cr0 & svm::cr0::pe) | svm::cr0::pe | svm::cr0::ts), 9u);
    EXPECT_EQ(resolve((cr0 | svm::cr0::am) & svm::cr0::pe), 1u) << "what was set is masked as well";
}

TEST_F(PlanBuilder, In16BitModesCodeCountsFromItsBaseAndMemoryIsLow) {
    for (const L2Mode mode : {L2Mode::real, L2Mode::paged_real, L2Mode::prot16, L2Mode::v86}) {
        cases::Case subject = cpuid_case();
        subject.start = {mode, mode == L2Mode::v86 ? std::uint8_t{3} : std::uint8_t{0}, false};
        const auto resolver = Resolver::make(image(), subject);
        ASSERT_TRUE(resolver);
        const Resolver& resolve = *resolver;
        EXPECT_EQ(resolve(cases::at_insn), 0x1002u);
        EXPECT_EQ(resolve(linear(cases::at_insn)), PayloadSample::low_program + 2);
        EXPECT_EQ(resolve(cases::code_offset(0xf000)), 0xf000 - PayloadSample::low_code);
        EXPECT_EQ(resolve(cases::l2_data), PayloadSample::low_memory + offsetof(L2Memory, data));
        const std::uint64_t handler = mode == L2Mode::v86 ? PayloadSample::handlers : 0;
        EXPECT_EQ(resolve(cases::at_handler(13)), handler + 13 * 8);
        EXPECT_EQ(resolve.region(Region::l2_memory), Region::low_memory);
        EXPECT_EQ(resolve.region(Region::idt), Region::idt);
        EXPECT_EQ(resolve(cases::fresh(svm::field::cs_base)), PayloadSample::low_code);
        EXPECT_EQ(resolve(cases::low_handlers), PayloadSample::low_handlers);
        EXPECT_EQ(resolve(cases::low_handlers_selector), PayloadSample::low_handlers / 16);

        const auto encoded = encode(subject);
        ASSERT_TRUE(encoded);
        EXPECT_EQ(encoded->ops[0].value, 0x1000u) << "RIP counts from CS";
    }
}

TEST_F(PlanBuilder, RaxAndRspOfL2GoIntoTheVmcb) {
    cases::Case subject = cpuid_case();
    subject.steps = {cases::l2_register(Register::rax, 1), cases::l2_register(Register::rsp, 2),
                     cases::l2_register(Register::rbx, 3), cases::Run{}};
    const auto encoded = encode(subject);
    ASSERT_TRUE(encoded);
    EXPECT_EQ(encoded->ops[1].region, static_cast<unsigned>(Region::vmcb));
    EXPECT_EQ(encoded->ops[1].offset, svm::field::rax.offset);
    EXPECT_EQ(encoded->ops[2].region, static_cast<unsigned>(Region::vmcb));
    EXPECT_EQ(encoded->ops[2].offset, svm::field::rsp.offset);
    EXPECT_EQ(encoded->ops[3].region, static_cast<unsigned>(Region::registers));
    EXPECT_EQ(encoded->ops[3].offset, 3u * 8);
}

TEST_F(PlanBuilder, RefusesWhatThePayloadDoesNotHave) {
    cases::Case subject = cpuid_case();
    subject.program = "hlt";
    EXPECT_THAT(refusal(subject), HasSubstr("the payload has no 64-bit L2 program hlt, which "
                                            "intercept/cpuid/taken"));
    subject = cpuid_case();
    subject.steps = {cases::Call{"nosuch"}};
    EXPECT_THAT(refusal(subject), HasSubstr("calls L1 routine nosuch, which the payload does not"));
}

TEST_F(PlanBuilder, RefusesWritesOutsideTheirRegion) {
    const auto refused = [this](const cases::Write& write) {
        cases::Case subject = cpuid_case();
        subject.steps.insert(subject.steps.begin(), write);
        return refusal(subject);
    };
    EXPECT_EQ(refused({Op::Code::write, Region::vmcb, 4088, 8, 0}), "accepted");
    EXPECT_THAT(refused({Op::Code::write, Region::vmcb, 4089, 8, 0}),
                HasSubstr("writes outside region vmcb"));
    EXPECT_THAT(refused({Op::Code::write, Region::vmcb, 0, 3, 0}), HasSubstr("writes outside"));
    EXPECT_THAT(refused({Op::Code::fill, Region::io_permissions, 1, 0, 3 * 4096}),
                HasSubstr("writes outside region iopm"));
    EXPECT_THAT(refused({Op::Code::write, Region::l2_memory, 0xffff'ffff, 1, 0}),
                HasSubstr("writes outside region memory"));
}

TEST_F(PlanBuilder, RefusesMoreStepsThanAPlanHolds) {
    cases::Case subject = cpuid_case();
    subject.steps.assign(wire::max_ops_per_case - 1, cases::intercepting(svm::Intercept::hlt));
    EXPECT_EQ(refusal(subject), "accepted");
    subject.steps.push_back(cases::Run{});
    EXPECT_THAT(refusal(subject), HasSubstr("has 513 steps; a plan holds 512"));
}

TEST_F(PlanBuilder, ThePayloadReadsWhatTheRunnerWrote) {
    const auto first = encode(cpuid_case(), 5);
    cases::Case other = cpuid_case();
    other.start.mode = L2Mode::prot32;
    const auto second = encode(other, 9);
    ASSERT_TRUE(first && second);
    const std::vector<const EncodedCase*> list{&*first, &*second};
    const RingPlace ring{0x40'0000, 0x3000};
    auto plan = build_plan(image(), list, ring, wire::plan_measures, L1Mode::legacy,
                           svm::Feature::second_cpu);
    plan.resize(plan.size() + 100); // loaders round a module up

    PlanReader reader{plan, image().build_id()};
    ASSERT_EQ(reader.error(), wire::PlanError::none);
    EXPECT_EQ(reader.header().case_count, 2u);
    EXPECT_EQ(reader.header().ring_address, ring.address);
    EXPECT_EQ(reader.header().ring_size, ring.size);
    EXPECT_EQ(reader.header().flags, wire::plan_measures);
    EXPECT_EQ(reader.header().machine, 1);
    EXPECT_EQ(reader.header().l1_mode, L1Mode::legacy);
    for (const EncodedCase* expected : list) {
        PlanReader::Case read{};
        ASSERT_TRUE(reader.next(read));
        EXPECT_EQ(std::memcmp(&read.head, &expected->head, sizeof read.head), 0);
        ASSERT_EQ(read.ops.size(), expected->ops.size());
        EXPECT_EQ(std::memcmp(read.ops.data(), expected->ops.data(), read.ops.size_bytes()), 0);
    }
    PlanReader::Case none{};
    EXPECT_FALSE(reader.next(none));
}

TEST_F(PlanBuilder, ThePayloadRefusesAPlanThatIsNotForIt) {
    const auto encoded = encode(cpuid_case());
    ASSERT_TRUE(encoded);
    const std::vector<const EncodedCase*> list{&*encoded};
    const auto plan = build_plan(image(), list, {}, 0);
    const auto error_of = [&](auto&& change) {
        auto changed = plan;
        change(changed);
        PlanReader reader{changed, image().build_id()};
        PlanReader::Case any{};
        EXPECT_FALSE(reader.error() != wire::PlanError::none && reader.next(any));
        return reader.error();
    };
    using wire::PlanError;
    EXPECT_EQ(error_of([](auto&) {}), PlanError::none);
    EXPECT_EQ(error_of([](auto& bytes) { bytes.clear(); }), PlanError::no_module);
    EXPECT_EQ(error_of([](auto& bytes) { bytes.resize(63); }), PlanError::bad_size);
    EXPECT_EQ(error_of([](auto& bytes) { bytes.pop_back(); }), PlanError::bad_size);
    EXPECT_EQ(error_of([](auto& bytes) { bytes[0] ^= std::byte{1}; }), PlanError::bad_magic);
    EXPECT_EQ(error_of([](auto& bytes) { bytes[4] ^= std::byte{1}; }), PlanError::bad_version);
    EXPECT_EQ(error_of([](auto& bytes) { bytes[8] = std::byte{1}; }), PlanError::bad_size);
    EXPECT_EQ(error_of([](auto& bytes) { bytes.back() ^= std::byte{1}; }), PlanError::bad_crc);
    auto other = image().build_id();
    other[19] ^= 1;
    EXPECT_EQ((PlanReader{plan, other}.error()), PlanError::other_payload);
    EXPECT_EQ((PlanReader{plan, {}}.error()), PlanError::other_payload);
}

} // namespace
} // namespace vmrunit::runner
