// SPDX-License-Identifier: GPL-2.0-only
// CPU models: what QEMU is told, and names that do not exist.
#include "host_runner/targets/cpu_model.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

const CpuOffer offer{{"max", "EPYC", "EPYC-Milan"}, {"svm", "npt", "nrip-save", "vgif"}};

TEST(CpuModel, SvmIsAlwaysOn) {
    EXPECT_EQ(CpuModel{}.argument(), "max,svm=on");
    EXPECT_EQ((CpuModel{"EPYC", {{"npt", false}, {"vgif", true}}}.argument()),
              "EPYC,svm=on,npt=off,vgif=on");
}

TEST(CpuModel, KnownNamesPass) {
    EXPECT_TRUE(check(CpuModel{}, offer));
    EXPECT_TRUE(check({"EPYC", {{"npt", false}}}, offer));
}

TEST(CpuModel, UnknownNamesAreNamedWithTheirNeighbours) {
    const auto model = check({"EPIC", {}}, offer);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().line(), "unknown CPU model 'EPIC': did you mean EPYC?");
    const auto feature = check({"max", {{"nripsave", true}}}, offer);
    ASSERT_FALSE(feature);
    EXPECT_EQ(feature.error().line(),
              "unknown key or CPU feature 'nripsave': did you mean nrip-save?");
    const auto far = check({"threadripper", {}}, offer);
    ASSERT_FALSE(far);
    EXPECT_EQ(far.error().line(),
              "unknown CPU model 'threadripper': see qemu-system-x86_64 -cpu help");
}

} // namespace
} // namespace vmrunit::runner
