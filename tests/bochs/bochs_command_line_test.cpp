// SPDX-License-Identifier: GPL-2.0-only
// What Bochs is told.
#include "host_runner/targets/bochs_command_line.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>

namespace vmrunit::runner {
namespace {

const BochsFiles files{"/f/configuration", "/f/commands", "/f/a disk", "/proc/self/fd/3"};

bool has_line(const std::string& text, const std::string& wanted) {
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);) {
        if (line == wanted) {
            return true;
        }
    }
    return false;
}

TEST(BochsCommandLine, TheConfigurationHasWhatTheMachineIsMadeOf) {
    BochsConfiguration zambezi;
    zambezi.cpu = "zambezi";
    zambezi.memory_mebibytes = 128;
    const auto text = bochs_configuration_text(zambezi, files);
    for (const char* const line :
         {"cpu: model=zambezi, count=1, ips=1000000, reset_on_triple_fault=0, ignore_bad_msrs=0",
          "memory: guest=128, host=128", "ata0-master: type=disk, mode=flat, path=\"/f/a disk\"",
          "boot: disk", "display_library: term", "port_e9_hack: enabled=1", "log: /proc/self/fd/3",
          "panic: action=fatal"}) {
        EXPECT_TRUE(has_line(text, line)) << line << " is not in\n" << text;
    }
    EXPECT_TRUE(text.ends_with('\n'));
}

TEST(BochsCommandLine, UnknownRegistersFaultUnlessToldOtherwise) {
    BochsConfiguration lenient;
    lenient.ignores_unknown_msrs = true;
    EXPECT_NE(bochs_configuration_text(lenient, files).find(", ignore_bad_msrs=1\n"),
              std::string::npos);
}

TEST(BochsCommandLine, HidesFeatures) {
    BochsConfiguration lesser;
    lesser.hidden = {"rdtscp", "xsave"};
    EXPECT_NE(bochs_configuration_text(lesser, files)
                  .find("cpu: model=ryzen, exclude_features=\"rdtscp,xsave\", count=1"),
              std::string::npos);
}

TEST(BochsCommandLine, TheDefaultIsRyzen) {
    EXPECT_NE(bochs_configuration_text({}, files).find("cpu: model=ryzen,"), std::string::npos);
}

TEST(BochsCommandLine, TheDebuggerStartsTheMachine) {
    EXPECT_EQ(bochs_debugger_commands(), "c\n");
    BochsConfiguration configuration;
    configuration.program.command = {"/b/loader", "/b/bochs"};
    const auto arguments = bochs_command_line(configuration, files);
    const std::vector<std::string> expected{
        "env",        "-u",        "MALLOC_PERTURB_",  "TERM=dumb",
        "LINES=1",    "COLUMNS=1", "/b/loader",        "/b/bochs",
        "-q",         "-f",        "/f/configuration", "-rc",
        "/f/commands"};
    EXPECT_EQ(arguments, expected);
}

TEST(BochsCommandLine, FirmwareAndDevicesAreNamedWhereThereAreOthers) {
    BochsConfiguration configuration;
    EXPECT_EQ(bochs_configuration_text(configuration, files).find("romimage"), std::string::npos);
    configuration.program.firmware = "/b/firmware";
    configuration.instructions_per_second = 5'000'000;
    configuration.devices = "com1: enabled=1, mode=file, dev=/proc/self/fd/4\n";
    const auto text = bochs_configuration_text(configuration, files);
    for (const char* const line :
         {"cpu: model=ryzen, count=1, ips=5000000, reset_on_triple_fault=0, ignore_bad_msrs=0",
          "romimage: file=\"/b/firmware/bios\"", "vgaromimage: file=\"/b/firmware/vgabios\"",
          "com1: enabled=1, mode=file, dev=/proc/self/fd/4"}) {
        EXPECT_TRUE(has_line(text, line)) << line << " is not in\n" << text;
    }
}

} // namespace
} // namespace vmrunit::runner
