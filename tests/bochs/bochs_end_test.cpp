// SPDX-License-Identifier: GPL-2.0-only
// How a Bochs machine ended, from what Bochs left behind.
#include "host_runner/targets/bochs_end.hpp"

#include <csignal>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using How = MachineEnd::How;

std::string exit_message(const std::string& message) {
    return "Bochs connected to screen \"/dev/pts/0\"\n========\n"
           "Bochs is exiting with the following message:\n" +
           message + "\n========\n";
}

const std::string registers_32 = "1i[CPU0  ] | EAX=36d76242  EBX=00100110\n"
                                 "1i[CPU0  ] | EIP=00100023 (00100023)\n"
                                 "1i[CPU0  ] | CR0=0x60000011 CR2=0x00000000\n"
                                 "1i[CPU0  ] | CR3=0x00000000 CR4=0x00000020\n";
const std::string registers_64 = "2i[CPU0  ] | RIP=0000000000101234 (0000000000101234)\n"
                                 "2i[CPU0  ] | CR0=0x80010033 CR2=0x00000000deadbeef\n"
                                 "2i[CPU0  ] | CR3=0x0000000000107000 CR4=0x00040620\n";

struct Row {
    const char* what;
    BochsEvidence evidence;
    How how;
    const char* text;
};

TEST(BochsEnd, EveryCauseHasItsWords) {
    const ProcessStatus failed{.code = 1};
    const std::vector<Row> rows{
        {"the runner's own stop", {}, How::finished, "stopped by the runner"},
        {"triple fault",
         {.exit_status = failed,
          .errors = exit_message("[CPU0  ] exception(): 3rd (13) exception with no resolution"),
          .log = registers_32},
         How::triple_fault,
         "triple fault; rip 0x100023, cr0 0x60000011, cr2 0x0, cr3 0x0, cr4 0x20"},
        {"shutdown",
         {.exit_status = failed,
          .errors = exit_message("[CPU0  ] Entering to shutdown state still not implemented")},
         How::triple_fault,
         "triple fault"},
        {"a panic of another kind",
         {.exit_status = failed, .errors = exit_message("[VGA   ] character height > 16\x1b")},
         How::emulator_died,
         "Bochs: exit status 1: [VGA   ] character height > 16."},
        {"triple fault, and a crash on the way out",
         {.exit_status = ProcessStatus{.signal = SIGSEGV},
          .errors = exit_message("exception(): 3rd (13) exception with no resolution")},
         How::triple_fault,
         "triple fault"},
        {"a crash",
         {.exit_status = ProcessStatus{.signal = SIGSEGV}, .errors = "using log file\n"},
         How::emulator_died,
         "Bochs: killed by SIGSEGV: using log file"},
        {"an end without a word",
         {.exit_status = ProcessStatus{}},
         How::emulator_died,
         "Bochs: exit status 0"},
        {"an end with other words",
         {.exit_status = failed, .errors = "one\nlast\n"},
         How::emulator_died,
         "Bochs: exit status 1: last"},
        {"reset", {.reset = true}, How::triple_fault, "reset by the guest"},
    };
    for (const auto& row : rows) {
        const auto end = conclude(row.evidence);
        EXPECT_EQ(to_string(end.how), to_string(row.how)) << row.what;
        EXPECT_EQ(end.text, row.text) << row.what;
    }
}

TEST(BochsEnd, RegistersAreThoseOfTheLastDump) {
    EXPECT_EQ(summarize_bochs_registers(registers_32 + registers_64),
              "rip 0x101234, cr0 0x80010033, cr2 0xdeadbeef, cr3 0x107000, cr4 0x40620");
    EXPECT_EQ(summarize_bochs_registers(registers_64 + registers_32),
              "rip 0x100023, cr0 0x60000011, cr2 0x0, cr3 0x0, cr4 0x20");
    EXPECT_EQ(summarize_bochs_registers("| RIP=zz CR2="), "");
    EXPECT_EQ(summarize_bochs_registers(""), "");
}

TEST(BochsEnd, CountsResetsOfTheMachineOnly) {
    EXPECT_EQ(count_resets("i[CPU0  ] cpu hardware reset\ni[PLUGIN] reset of 'pci'\n"), 0u);
    EXPECT_EQ(count_resets("i[SYS   ] bx_pc_system_c::Reset(HARDWARE) called\n"
                           "i[SYS   ] bx_pc_system_c::Reset(SOFTWARE) called\n"),
              2u);
}

} // namespace
} // namespace vmrunit::runner
