// SPDX-License-Identifier: GPL-2.0-only
// QEMU's command line: every setting arrives, and no file with a name is in it but the image.
#include "host_runner/targets/qemu_command_line.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

/// The value behind an option; empty if the option is not there.
std::string value_of(const std::vector<std::string>& arguments, const std::string& option) {
    const auto found = std::ranges::find(arguments, option);
    return found == arguments.end() || found + 1 == arguments.end() ? "" : *(found + 1);
}

TEST(QemuCommandLine, CarriesTheConfiguration) {
    const QemuConfiguration configuration{.program = "/opt/qemu",
                                          .accelerator = "kvm",
                                          .machine = "q35",
                                          .cpu = "host,svm=on",
                                          .cpus = 3,
                                          .memory_mebibytes = 128};
    const auto arguments =
        qemu_command_line(configuration, "an image.elf", {.debug_port = 3, .log = 4, .monitor = 5});
    EXPECT_EQ(arguments.front(), "/opt/qemu");
    EXPECT_EQ(value_of(arguments, "-accel"), "kvm");
    EXPECT_EQ(value_of(arguments, "-machine"), "q35");
    EXPECT_EQ(value_of(arguments, "-cpu"), "host,svm=on");
    EXPECT_EQ(value_of(arguments, "-smp"), "3");
    EXPECT_EQ(value_of(arguments, "-m"), "128M");
    EXPECT_EQ(value_of(arguments, "-kernel"), "an image.elf");
    EXPECT_EQ(value_of(arguments, "-initrd"), "");
    EXPECT_EQ(value_of(arguments, "-object"), "");
    EXPECT_EQ(value_of(arguments, "-D"), "/proc/self/fd/4");
}

TEST(QemuCommandLine, SharesMemoryAndPlanByDescriptor) {
    const auto arguments = qemu_command_line(
        {}, "image", {.debug_port = 3, .log = 4, .monitor = 5, .plan = 6, .memory = 7});
    EXPECT_EQ(value_of(arguments, "-initrd"), "/proc/self/fd/6");
    EXPECT_EQ(value_of(arguments, "-object"),
              "memory-backend-file,id=memory,share=on,size=64M,mem-path=/proc/self/fd/7");
    EXPECT_TRUE(value_of(arguments, "-machine").ends_with(",memory-backend=memory"));
    for (const auto& argument : arguments) {
        EXPECT_EQ(argument.find("/tmp"), std::string::npos) << argument;
        EXPECT_EQ(argument.find("/dev/shm"), std::string::npos) << argument;
    }
}

} // namespace
} // namespace vmrunit::runner
