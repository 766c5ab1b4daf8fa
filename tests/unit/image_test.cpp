// SPDX-License-Identifier: GPL-2.0-only
// What the runner knows a machine held before a VMRUN: the arena, the VMCB and the registers, with
// the plan's own writes on top.
#include "tests/unit/judge_sample.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using samples::PayloadSample;
using wire::Op;

constexpr std::uint32_t data_offset = offsetof(L2Memory, data);

class Image : public testing::Test {
protected:
    Op op(Op::Code code, Region region, std::uint32_t offset, std::uint8_t size,
          std::uint64_t value) {
        return {code, size, static_cast<std::uint16_t>(region), offset, value};
    }
    [[nodiscard]] std::uint64_t data(std::uint32_t offset) const {
        return before.word(Region::l2_memory, data_offset + offset);
    }

private:
    PayloadImage image_ = PayloadSample{}.load();
    PristineArena pristine_{image_};
    cases::Case subject_ = samples::cpuid_case();

public:
    BeforeImage before{pristine_, subject_, {.arena = PayloadSample::arenas}};
};

TEST_F(Image, BeginsWithTheFreshVmcbOfTheCase) {
    svm::Vmcb expected{};
    fresh_vmcb(expected, {.arena = PayloadSample::arenas}, {});
    EXPECT_EQ(std::memcmp(&before.vmcb(), &expected, sizeof expected), 0);
    EXPECT_EQ(before.vmcb().save.cr3, PayloadSample::arenas + offsetof(Arena, pml4));
    EXPECT_EQ(before.vmcb().control.n_cr3, PayloadSample::arenas + offsetof(Arena, nested_pml4));
}

TEST_F(Image, BeginsWithAPatternInEveryRegister) {
    for (unsigned i = 0; i < register_count; ++i) {
        EXPECT_EQ(before.reg(i), fresh_register(i));
        EXPECT_TRUE(i == 0 || before.reg(i) != before.reg(i - 1));
    }
}

TEST_F(Image, BeginsWithTheWorldOfTheArena) {
    EXPECT_EQ(data(0), 0xd7d6'd5d4'd3d2'd1d0u);
    EXPECT_EQ(before.word(Region::l2_memory, 0), 0u) << "the null descriptor";
    EXPECT_EQ(before.word(Region::l2_memory, l2_selector::code64), 0x00af'9b00'0000'ffffu);
    const std::uint64_t pdpt = PayloadSample::arenas + offsetof(Arena, pdpt);
    EXPECT_EQ(before.word(Region::pml4, 0), pdpt | 0x27);
    EXPECT_EQ(before.word(Region::nested_pd, 8), 0x20'00e7u) << "the second 2 MiB page";
}

TEST_F(Image, WritesGoToVmcbAndRegisters) {
    before.apply(op(Op::Code::write, Region::vmcb, svm::field::cr3.offset, 8, 0x1234000));
    EXPECT_EQ(before.vmcb().save.cr3, 0x1234000u);
    before.apply(op(Op::Code::set_bits, Region::vmcb, 0x00c, 4, 1u << 18));
    EXPECT_TRUE(before.vmcb().control.intercepts.test(svm::Intercept::cpuid));
    before.apply(op(Op::Code::clear_bits, Region::vmcb, 0x010, 4, 1));
    EXPECT_FALSE(before.vmcb().control.intercepts.test(svm::Intercept::vmrun));
    before.apply(op(Op::Code::write, Region::registers, 3 * 8, 8, 42));
    EXPECT_EQ(before.reg(3), 42u);
}

TEST_F(Image, WritesToMemoryReachAcrossWords) {
    before.apply(op(Op::Code::write, Region::l2_memory, data_offset + 6, 4, 0x1122'3344));
    EXPECT_EQ(data(0), 0x3344'd5d4'd3d2'd1d0u);
    EXPECT_EQ(data(8), 0xdfde'dddc'dbda'1122u);
    EXPECT_EQ(data(16), 0xe7e6'e5e4'e3e2'e1e0u);
    before.apply(op(Op::Code::set_bits, Region::l2_memory, data_offset + 7, 2, 0xff0f));
    EXPECT_EQ(data(0), 0x3f44'd5d4'd3d2'd1d0u);
    EXPECT_EQ(data(8), 0xdfde'dddc'dbda'11ffu);
    before.apply(op(Op::Code::clear_bits, Region::l2_memory, data_offset, 8, ~0ull));
    EXPECT_EQ(data(0), 0u);
}

TEST_F(Image, FillsReachAcrossWords) {
    before.apply(op(Op::Code::fill, Region::l2_memory, data_offset + 3, 0xaa, 14));
    EXPECT_EQ(data(0), 0xaaaa'aaaa'aad2'd1d0u);
    EXPECT_EQ(data(8), 0xaaaa'aaaa'aaaa'aaaau);
    EXPECT_EQ(data(16), 0xe7e6'e5e4'e3e2'e1aau);
    before.apply(op(Op::Code::fill, Region::l2_memory, data_offset, 0xbb, 0));
    EXPECT_EQ(data(0), 0xaaaa'aaaa'aad2'd1d0u);
}

// The payload refuses such ops; a runner that did not would read past its own arena.
TEST_F(Image, WritesOutsideARegionChangeNothing) {
    before.apply(op(Op::Code::write, Region::l2_memory, 0xffff'fff8, 8, 1));
    before.apply(op(Op::Code::write, static_cast<Region>(200), 0, 8, 1));
    before.apply(op(Op::Code::fill, Region::l2_memory, 8, 1, 0xffff'ffff));
    before.apply(op(Op::Code::write, Region::vmcb, 4096, 1, 1));
    before.apply(op(Op::Code::run, Region::vmcb, 0x578, 8, 1));
    EXPECT_EQ(data(0), 0xd7d6'd5d4'd3d2'd1d0u);
    EXPECT_EQ(before.vmcb().save.rip, 0u);
}

} // namespace
} // namespace vmrunit::runner
