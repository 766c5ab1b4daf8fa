// SPDX-License-Identifier: GPL-2.0-only
// Canonical forms of registers, and the geometry of the MSR permission map.
#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"

#include <gtest/gtest.h>

namespace vmrunit::svm {
namespace {

TEST(Cpu, LoadedValuesReadBackInCanonicalForm) {
    EXPECT_EQ(rflags::canonical(0), 0x2u);
    EXPECT_EQ(rflags::canonical(~std::uint64_t{0}), 0x3f7fd7u);
    EXPECT_EQ(dr6::canonical(0, false), 0xffff0ff0u);
    EXPECT_EQ(dr6::canonical(0xffffffff, false), 0xffffefffu);
    EXPECT_EQ(dr6::canonical(0, true), 0xffff07f0u);
    EXPECT_EQ(dr6::canonical(0xffffffff, true), 0xffffefffu);
    EXPECT_EQ(dr7::canonical(0), 0x400u);
    EXPECT_EQ(dr7::canonical(0xffffffff), 0xffff27ffu);
}

TEST(Cpu, ErrorCodesArePushedByTheRightExceptions) {
    for (unsigned vector = 0; vector < 256; ++vector) {
        const bool pushes = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 ||
                            vector == 21 || vector == 29 || vector == 30;
        EXPECT_EQ(pushes_error_code(static_cast<std::uint8_t>(vector)), pushes) << vector;
    }
}

TEST(Msr, PermissionMapCoversThreeRanges) {
    EXPECT_EQ(msr_permission_bit(0x0), 0);
    EXPECT_EQ(msr_permission_bit(msr::tsc), 0x20);
    EXPECT_EQ(msr_permission_bit(0x1fff), 0x3ffe);
    EXPECT_EQ(msr_permission_bit(0x2000), -1);
    EXPECT_EQ(msr_permission_bit(msr::efer), 0x4100);
    EXPECT_EQ(msr_permission_bit(0xc0001fff), 0x7ffe);
    EXPECT_EQ(msr_permission_bit(msr::vm_hsave_pa), 0x822e);
    EXPECT_EQ(msr_permission_bit(0xc0011fff), 0xbffe);
    EXPECT_EQ(msr_permission_bit(0xc0012000), -1);
    EXPECT_EQ(msr_permission_bit(0xbfffffff), -1);
}

} // namespace
} // namespace vmrunit::svm
