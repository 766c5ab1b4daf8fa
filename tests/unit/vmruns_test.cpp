// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/vmruns.hpp"

#include "cases/model/instruction_table.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

TEST(Vmruns, EachBeginsWithTheWritesBeforeIt) {
    Case one;
    one.steps = {vmcb_field(field::cr2, 1), cases::Run{}, vmcb_field(field::cr2, 2), cases::Run{}};
    ExitExpectation second;
    second.exit_code = svm::ExitCode::npf;
    one.expectations = {ExitExpectation{}, second};
    std::vector<std::uint64_t> found;
    each_vmrun(one, [&](const Vmrun& run) {
        found.push_back(run.before.save.cr2);
        EXPECT_EQ(run.fresh.save.cr2, 0u);
        EXPECT_EQ(run.is_first, found.size() == 1);
        EXPECT_EQ(run.exit()->exit_code,
                  run.is_first ? svm::ExitCode::vmmcall : svm::ExitCode::npf);
    });
    EXPECT_EQ(found, (std::vector<std::uint64_t>{1, 2}));
}

TEST(Vmruns, ARoutineHasNoExitOfItsOwn) {
    Case one;
    one.steps = {Call{"anything"}};
    one.expectations = {CallExpectation{}};
    unsigned count = 0;
    each_vmrun(one, [&](const Vmrun& run) {
        ++count;
        EXPECT_EQ(run.exit(), nullptr);
    });
    EXPECT_EQ(count, 1u);
}

TEST(Vmruns, AddressesDifferAndValuesAreResolved) {
    const L2Start start;
    EXPECT_NE(sample_of(at_start, start), sample_of(at_insn, start));
    EXPECT_EQ(sample_of((Value{0xff} & 0xf0) | 1, start), 0xf1u);
    EXPECT_EQ(sample_of(fresh(field::guest_asid), start), 1u);
    EXPECT_EQ(sample_of(in_region(Region::vmcb, 8), start) -
                  sample_of(in_region(Region::vmcb), start),
              8u);
}

} // namespace
} // namespace vmrunit::cases
