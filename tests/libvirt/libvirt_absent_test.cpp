// SPDX-License-Identifier: GPL-2.0-only
// A build without libvirt: the target is in the list and says what is missing.
#include "host_runner/libvirt/libvirt_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

TEST(LibvirtAbsent, SaysSoAndHowToMendIt) {
    TargetRegistry registry;
    registry.add(libvirt_target_factory());
    const auto target = registry.create("libvirt:qemu:///system,cpu=EPYC", {});
    ASSERT_TRUE(target) << target.error().line();
    EXPECT_EQ((*target)->name(), "libvirt:qemu:///system,cpu=EPYC");
    const auto availability = (*target)->availability();
    EXPECT_FALSE(availability.available);
    EXPECT_EQ(availability.reason, "this vmrunit was built without libvirt");
    EXPECT_THAT(availability.cure, testing::HasSubstr("libvirt-dev"));
    EXPECT_FALSE((*target)->start({}));
}

} // namespace
} // namespace vmrunit::runner
