// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/intercept_bits.hpp"

#include "cases/model/instruction_table.hpp"

#include <gtest/gtest.h>

namespace vmrunit::cases {
namespace {

using svm::Intercept;
using svm::InterceptSet;

TEST(InterceptBits, ACaseWithoutWritesHasTheFreshOnes) {
    EXPECT_EQ(intercepts_at_first_run(Case{}),
              (InterceptSet{Intercept::vmrun, Intercept::vmmcall, Intercept::shutdown}));
}

TEST(InterceptBits, WritesCountInTheirOrderUpToTheFirstRun) {
    Case one;
    Write clear = intercepting(Intercept::shutdown);
    clear.code = wire::Op::Code::clear_bits;
    one.steps = {intercepting(Intercept::cpuid), clear, cases::Run{}, intercepting(Intercept::hlt)};
    EXPECT_EQ(intercepts_at_first_run(one),
              (InterceptSet{Intercept::vmrun, Intercept::vmmcall, Intercept::cpuid}));
}

TEST(InterceptBits, FillsAndWritesAcrossWordsAndTheEndAreUnderstood) {
    Case one;
    one.steps = {Write{wire::Op::Code::fill, Region::vmcb, 0, 0, 0x100},
                 Write{wire::Op::Code::write, Region::vmcb, 0x14, 8, 1}};
    EXPECT_EQ(intercepts_at_first_run(one), InterceptSet{Intercept::invlpgb});
    one.steps = {Write{wire::Op::Code::write, Region::l2_memory, 0, 8, ~0ull}};
    EXPECT_EQ(intercepts_at_first_run(one), fresh_intercepts());
}

TEST(InterceptBits, AllOthersLeaveOutTheOwnAndWhatTheProgramMeets) {
    Case one;
    one.steps = all_other_intercepts(Intercept::cr0_write, {Intercept::cr0_sel_write});
    const InterceptSet set = intercepts_at_first_run(one);
    EXPECT_FALSE(set.test(Intercept::cr0_write));
    EXPECT_FALSE(set.test(Intercept::cr0_sel_write));
    EXPECT_TRUE(set.test(Intercept::intr));
    EXPECT_TRUE(set.test(Intercept::invpcid));
    EXPECT_TRUE(set.test(Intercept::cr0_read));
    EXPECT_TRUE(set.test(Intercept::vmrun));
    one.steps = all_other_intercepts(Intercept::vmrun);
    EXPECT_TRUE(intercepts_at_first_run(one).test(Intercept::vmrun));
}

} // namespace
} // namespace vmrunit::cases
