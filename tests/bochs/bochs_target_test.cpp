// SPDX-License-Identifier: GPL-2.0-only
// Target `bochs` where there is no Bochs: its keys, and what it says is missing.
#include "host_runner/targets/bochs_target.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

Result<std::unique_ptr<Target>> create(const std::string& spec) {
    TargetRegistry registry;
    registry.add(bochs_target_factory());
    return registry.create(spec, {});
}

std::string refusal(const std::string& spec) {
    const auto target = create(spec);
    return target ? "created" : target.error().line();
}

TEST(BochsTarget, TakesItsKeys) {
    const auto target = create("bochs,cpu=zambezi,memory=32,program=/nowhere/bochs");
    ASSERT_TRUE(target) << target.error().line();
    const auto& configuration = dynamic_cast<const BochsTarget&>(**target).configuration();
    EXPECT_EQ(configuration.cpu, "zambezi");
    EXPECT_EQ(configuration.memory_mebibytes, 32u);
    EXPECT_EQ(configuration.program, "/nowhere/bochs");
    EXPECT_FALSE((*target)->shares_memory());
    EXPECT_EQ((*target)->services(), 0u);
    EXPECT_EQ((*target)->name(), "bochs,cpu=zambezi,memory=32,program=/nowhere/bochs");
}

TEST(BochsTarget, NothingElseIsAKey) {
    EXPECT_EQ(refusal("bochs,memry=32"),
              "target 'bochs,memry=32': unknown key 'memry': did you mean memory?");
    EXPECT_EQ(refusal("bochs,x2apic=on"), "target 'bochs,x2apic=on': unknown key 'x2apic': there "
                                          "are cpu, memory and program");
    EXPECT_EQ(refusal("bochs@/opt/bochs"),
              "target 'bochs@/opt/bochs': there is nothing to choose by ':' or '@': another Bochs "
              "is named by program=PATH");
    EXPECT_NE(refusal("bochs,memory=4"), "created");
}

TEST(BochsTarget, WithoutBochsItSaysHowToGetIt) {
    const auto target = create("bochs,program=/nowhere/bochs");
    ASSERT_TRUE(target) << target.error().line();
    const auto availability = (*target)->availability();
    EXPECT_FALSE(availability.available);
    EXPECT_EQ(availability.reason, "Bochs not found (/nowhere/bochs: No such file or directory)");
    EXPECT_EQ(availability.cure, "apt install bochs bochs-term bochsbios vgabios, or name one by "
                                 "program=PATH");
    EXPECT_EQ((*target)->baseline_name(), "bochs-unknown");
}

TEST(BochsTarget, AProgramThatIsNoBochsIsSaidToBeNone) {
    const auto target = create("bochs,cpu=any,program=/bin/true");
    ASSERT_TRUE(target) << target.error().line();
    const auto availability = (*target)->availability();
    EXPECT_FALSE(availability.available);
    EXPECT_EQ(availability.reason, "/bin/true: exit status 0, that is no Bochs: it answers ''");
}

} // namespace
} // namespace vmrunit::runner
