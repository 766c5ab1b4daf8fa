// SPDX-License-Identifier: GPL-2.0-only
// Target `bochs` where there is no Bochs: its keys, and what it says is missing.
#include "host_runner/targets/bochs_target.hpp"

#include "host_runner/files/temporary_folder.hpp"

#include <cstdlib>
#include <fstream>
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
    EXPECT_EQ(configuration.program.command, std::vector<std::string>{"/nowhere/bochs"});
    EXPECT_FALSE((*target)->shares_memory());
    EXPECT_EQ((*target)->name(), "bochs,cpu=zambezi,memory=32,program=/nowhere/bochs");
}

TEST(BochsTarget, HidesCpuFeatures) {
    const auto target = create("bochs,rdtscp=off,xsave=off,program=/nowhere/bochs");
    ASSERT_TRUE(target) << target.error().line();
    EXPECT_EQ(dynamic_cast<const BochsTarget&>(**target).configuration().hidden,
              (std::vector<std::string>{"rdtscp", "xsave"}));
}

TEST(BochsTarget, NothingElseIsAKey) {
    EXPECT_EQ(refusal("bochs,memry=32"),
              "target 'bochs,memry=32': unknown key 'memry': did you mean memory?");
    EXPECT_EQ(refusal("bochs,x2apic=on"), "target 'bochs,x2apic=on': unknown key 'x2apic': there "
                                          "are cpu, memory and program, and FEATURE=off");
    EXPECT_EQ(refusal("bochs@/opt/bochs"),
              "target 'bochs@/opt/bochs': one Bochs is enough: bochs:3.0 is a version of Debian's, "
              "program=PATH one of your own");
    EXPECT_NE(refusal("bochs:3.0,program=/opt/bochs").find("one Bochs is enough"),
              std::string::npos);
    EXPECT_EQ(refusal("bochs:new"), "target 'bochs:new': 'new' is no version of Bochs: a version "
                                    "is written 3.0");
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

TEST(BochsTarget, AVersionOfDebiansIsKnownByItsNumberBeforeItIsFetched) {
    const auto folder = TemporaryFolder::create();
    ASSERT_TRUE(folder) << folder.error().line();
    ::setenv("XDG_CACHE_HOME", folder->path().c_str(), 1);
    const auto absent = create("bochs:3.0");
    ASSERT_TRUE(absent) << absent.error().line();
    EXPECT_EQ((*absent)->baseline_name(), "bochs-3.0");
    // One that is there is started from its folder, by its own loader and firmware.
    const auto there = folder->path() / "vmrunit/bochs/3.0+dfsg-1";
    std::filesystem::create_directories(there);
    std::ofstream{there / "complete"}.close();
    const auto present = create("bochs:3.0");
    ::unsetenv("XDG_CACHE_HOME");
    ASSERT_TRUE(present) << present.error().line();
    const auto& program = dynamic_cast<const BochsTarget&>(**present).configuration().program;
    EXPECT_EQ(program.command.back(), (there / "bochs-bin").string());
    EXPECT_EQ(program.command.at(2), (there / "lib/ld-linux-x86-64.so.2").string());
    EXPECT_EQ(program.firmware, there / "firmware");
}

TEST(BochsTarget, TheLoadersListNamesEachLibraryAndItsFile) {
    const auto list = parse_loader_list("\tlinux-vdso.so.1 (0x00007ffc)\n"
                                        "\tlibltdl.so.7 => /r/usr/lib/libltdl.so.7 (0x00007f)\n"
                                        "\tlibgone.so.1 => not found\n"
                                        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n");
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].name, "libltdl.so.7");
    EXPECT_EQ(list[0].file, "/r/usr/lib/libltdl.so.7");
    EXPECT_EQ(list[1].name, "libgone.so.1");
    EXPECT_TRUE(list[1].file.empty());
}

} // namespace
} // namespace vmrunit::runner
