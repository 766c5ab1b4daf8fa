// SPDX-License-Identifier: GPL-2.0-only
// How a QEMU machine ended, from what QEMU left behind.
#include "host_runner/targets/qemu_end.hpp"

#include <csignal>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using How = MachineEnd::How;

struct EndRow {
    const char* what;
    QemuEvidence evidence;
    How how;
    const char* text;
};

TEST(QemuEnd, EveryCauseHasItsWords) {
    const std::vector<EndRow> rows{
        {"the runner's own stop", {}, How::finished, "stopped by the runner"},
        {"triple fault on TCG",
         {.shutdown_reason = "guest-reset", .log = "CPU Reset\nEAX=0\nTriple fault\n"},
         How::triple_fault,
         "triple fault"},
        {"triple fault on KVM, or a reset",
         {.shutdown_reason = "guest-reset"},
         How::triple_fault,
         "triple fault or reset by the guest"},
        {"power off",
         {.shutdown_reason = "guest-shutdown"},
         How::triple_fault,
         "the guest switched its machine off"},
        {"SIGTERM to QEMU",
         {.shutdown_reason = "host-signal",
          .errors = "qemu-system-x86_64: terminating on signal 15 from pid 1 (init)\n"},
         How::emulator_died,
         "QEMU was told to end by a signal: qemu-system-x86_64: terminating on signal 15 from pid "
         "1 "
         "(init)"},
        {"an event of the future",
         {.shutdown_reason = "cosmic\x1bray"},
         How::emulator_died,
         "QEMU shut down: cosmic.ray"},
        {"killed",
         {.exit_status = ProcessStatus{.signal = SIGKILL}},
         How::emulator_died,
         "QEMU: killed by SIGKILL"},
        {"assertion",
         {.exit_status = ProcessStatus{.signal = SIGABRT},
          .errors = "warning: before\nqemu: svm_helper.c:1: Assertion `x' failed.\n"},
         How::emulator_died,
         "QEMU: killed by SIGABRT: qemu: svm_helper.c:1: Assertion `x' failed."},
        {"exit",
         {.exit_status = ProcessStatus{.code = 1}, .errors = "bad\n"},
         How::emulator_died,
         "QEMU: exit status 1: bad"},
        {"KVM gives up",
         {.run_state = "internal-error",
          .errors = "KVM internal error. Suberror: 1\nemulation failure\nEAX=00000000\n"},
         How::internal_error,
         "QEMU stopped the machine (internal-error): KVM internal error. Suberror: 1"},
        {"ring broken",
         {.ring_complaint = "ring indices corrupt"},
         How::lost,
         "ring indices corrupt"},
        {"ring broken and dead",
         {.shutdown_reason = "guest-shutdown", .ring_complaint = "ring indices corrupt"},
         How::triple_fault,
         "the guest switched its machine off; ring indices corrupt"},
        {"last words",
         {.guest_text = "vmrunit: no long mode\n"},
         How::finished,
         "stopped by the runner; the guest said: vmrunit: no long mode"},
    };
    for (const auto& row : rows) {
        const auto end = conclude(row.evidence);
        EXPECT_EQ(end.how, row.how) << row.what;
        EXPECT_EQ(end.text, row.text) << row.what;
    }
}

TEST(QemuEnd, RegistersAreSummarized) {
    constexpr const char* in_64_bit_mode =
        "\r\nCPU#0\r\nRAX=0000000000000000 RBX=00000000000f31e0\r\n"
        "RIP=0000000000100015 RFL=00000046 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0\r\n"
        "CR0=80000011 CR2=0000000000000000 CR3=0000000000105000 CR4=00000020\r\n"
        "EFER=0000000000001500\r\n";
    EXPECT_EQ(summarize_registers(in_64_bit_mode),
              "rip 0x100015, cr0 0x80000011, cr2 0x0, cr3 0x105000, cr4 0x20, efer 0x1500, cpl 3");
    EXPECT_EQ(summarize_registers("EIP=00007c00 EFL=00000046 CPL=0"), "eip 0x7c00, cpl 0");
    EXPECT_EQ(summarize_registers(""), "");
    EXPECT_EQ(summarize_registers("RIP="), "");
    EXPECT_EQ(summarize_registers("RIP=00000000000000001234567890"), "") << "not a register";
    EXPECT_EQ(conclude({.registers = "EIP=00007c00"}).text, "stopped by the runner; eip 0x7c00");
}

} // namespace
} // namespace vmrunit::runner
