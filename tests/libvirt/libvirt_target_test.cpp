// SPDX-License-Identifier: GPL-2.0-only
// Target `libvirt` by name, without a daemon.
#include "host_runner/libvirt/libvirt_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& spec) {
    TargetRegistry registry;
    registry.add(libvirt_target_factory());
    const auto target = registry.create(spec, {});
    return target ? "created" : target.error().line();
}

TEST(LibvirtTarget, ANameIsALocalUri) {
    EXPECT_EQ(refusal("libvirt:qemu:///system"), "created");
    EXPECT_EQ(refusal("libvirt:qemu:///session?socket=/nowhere/libvirt-sock"), "created");
    EXPECT_THAT(refusal("libvirt"), HasSubstr("no URI is given: libvirt:qemu:///system or"));
    for (const char* other : {"libvirt:qemu+ssh://me@host/system", "libvirt:xen:///system",
                              "libvirt:qemu://host/system", "libvirt:test:///default"}) {
        EXPECT_THAT(refusal(other), HasSubstr("only QEMU of this machine")) << other;
    }
}

TEST(LibvirtTarget, ChecksItsSettings) {
    const std::string uri = "libvirt:qemu:///session?socket=/nowhere/libvirt-sock";
    EXPECT_EQ(refusal(uri + ",type=qemu,cpus=1,memory=128"), "created");
    EXPECT_THAT(refusal(uri + ",type=xen"), HasSubstr("a type is kvm or qemu"));
    EXPECT_THAT(refusal(uri + ",cpus=0"), HasSubstr("a number from 1 to"));
    EXPECT_THAT(refusal(uri + ",memory=1"), HasSubstr("a number from 16 to"));
    EXPECT_THAT(refusal(uri + ",svm=off"), HasSubstr("nothing to test without SVM"));
    EXPECT_THAT(refusal(uri + ",machin=q35"), HasSubstr("did you mean machine?"));
}

TEST(LibvirtTarget, SaysThatThereIsNoDaemon) {
    TargetRegistry registry;
    registry.add(libvirt_target_factory());
    const auto target =
        registry.create("libvirt:qemu:///session?socket=/nowhere/libvirt-sock,cpu=EPYC", {});
    ASSERT_TRUE(target) << target.error().line();
    const auto availability = (*target)->availability();
    EXPECT_FALSE(availability.available);
    EXPECT_THAT(availability.reason, HasSubstr("no connection to libvirt at qemu:///session"));
    EXPECT_THAT(availability.reason, HasSubstr("/nowhere/libvirt-sock"));
    EXPECT_THAT(availability.cure, HasSubstr("libvirtd"));
    EXPECT_FALSE((*target)->start({}));
}

} // namespace
} // namespace vmrunit::runner
