// SPDX-License-Identifier: GPL-2.0-only
// Which lines of a kernel's log are complaints, and what is quoted of them.
#include "host_runner/lab/kernel_log.hpp"

#include <gtest/gtest.h>
#include <string>

namespace vmrunit::runner {
namespace {

TEST(KernelMessage, IsWhatStandsBehindTimeAndCaller) {
    EXPECT_EQ(kernel_message("[    1.234567] kvm: hello"), "kvm: hello");
    EXPECT_EQ(kernel_message("[   12.000001] [T123] kvm: hello"), "kvm: hello");
    EXPECT_EQ(kernel_message("[   12.000001] [    C0] kvm: hello"), "kvm: hello");
    EXPECT_EQ(kernel_message("<4>[    1.234567] kvm: hello"), "kvm: hello");
    EXPECT_EQ(kernel_message("kvm: hello"), "kvm: hello");
    EXPECT_EQ(kernel_message("[mem 0x20000000-0xffffffff] available"),
              "[mem 0x20000000-0xffffffff] available");
    EXPECT_EQ(kernel_message("[    1.234567"), "[    1.234567");
    EXPECT_EQ(kernel_message(""), "");
}

TEST(KernelComplaint, EachKindIsKnown) {
    for (const auto* message : {
             "WARNING: CPU: 0 PID: 96 at arch/x86/kvm/svm/nested.c:1051 nested_svm_vmexit",
             "WARNING: possible circular locking dependency detected",
             "WARNING: suspicious RCU usage",
             "BUG: kernel NULL pointer dereference, address: 0000000000000000",
             "BUG: KASAN: use-after-free in nested_svm_vmrun",
             "BUG: scheduling while atomic: kvm-worker/96/0x00000002",
             "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [kvm-worker:96]",
             "kernel BUG at arch/x86/kvm/mmu/mmu.c:100!",
             "BUG kmalloc-64 (Not tainted): Poison overwritten",
             "[ BUG: Invalid wait context ]",
             "Oops: 0000 [#1] PREEMPT SMP NOPTI",
             "general protection fault, probably for non-canonical address 0xdead000000000100",
             "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI",
             "UBSAN: array-index-out-of-bounds in arch/x86/kvm/svm/svm.c:1:2",
             "unchecked MSR access error: RDMSR from 0xc0010117",
             "rcu: INFO: rcu_preempt self-detected stall on CPU",
             "INFO: rcu_sched detected stalls on CPUs/tasks:",
             "INFO: task kvm-worker:96 blocked for more than 120 seconds.",
             "Kernel panic - not syncing: sysrq triggered crash",
         }) {
        EXPECT_TRUE(is_kernel_complaint(message)) << message;
    }
}

TEST(KernelComplaint, OrdinaryLinesAreNone) {
    for (const auto* message : {
             "kvm_amd: Nested Virtualization enabled",
             "vmrunit-lab: error cannot load kvm.ko: BUG: no",
             "rcu: Hierarchical SRCU implementation.",
             "PCI: Fatal: No config space access function found",
             "Spectre V2 : WARNING: Unprivileged eBPF is enabled",
             "kvm [96]: vcpu0, guest rIP: 0x100000 unhandled rdmsr: 0xc0010117",
             "",
         }) {
        EXPECT_FALSE(is_kernel_complaint(message)) << message;
    }
}

TEST(KernelLog, AQuietLogHasNoComplaint) {
    KernelLog log;
    log.append("[    1.0] one\n[    1.1] two\n");
    EXPECT_TRUE(log.complaint().empty());
    EXPECT_TRUE(log.headline().empty());
    EXPECT_FALSE(log.complaint_is_complete());
    EXPECT_FALSE(log.panicked());
    ASSERT_EQ(log.tail().size(), 2u);
    EXPECT_EQ(log.tail()[1], "[    1.1] two");
}

TEST(KernelLog, ALineCountsOnlyWhenItIsWhole) {
    KernelLog log;
    log.append("[    1.0] WARN");
    log.append("ING: CPU: 0 PID: 1 at a.c:1 b");
    EXPECT_TRUE(log.headline().empty());
    log.append("\r\n");
    EXPECT_EQ(log.headline(), "WARNING: CPU: 0 PID: 1 at a.c:1 b");
}

TEST(KernelLog, QuotesFromTheRulerToTheEndOfTheReport) {
    KernelLog log;
    log.append("[    1.0] before\n"
               "[    1.1] ------------[ cut here ]------------\n"
               "[    1.2] WARNING: CPU: 0 PID: 1 at a.c:1 b\n"
               "[    1.3] Call Trace:\n");
    EXPECT_FALSE(log.complaint_is_complete());
    log.append("[    1.4] ---[ end trace 0000000000000000 ]---\n");
    EXPECT_TRUE(log.complaint_is_complete());
    ASSERT_EQ(log.complaint().size(), 4u);
    EXPECT_EQ(log.complaint()[0], "[    1.1] ------------[ cut here ]------------");
    EXPECT_EQ(log.complaint()[3], "[    1.4] ---[ end trace 0000000000000000 ]---");
}

TEST(KernelLog, APanicGoesOnUntilItsOwnEnd) {
    KernelLog log;
    log.append("[    1.1] WARNING: CPU: 0 PID: 1 at a.c:1 b\n"
               "[    1.2] Kernel panic - not syncing: kernel: panic_on_warn set ...\n"
               "[    1.3] ---[ end trace 0000000000000000 ]---\n");
    EXPECT_TRUE(log.panicked());
    EXPECT_FALSE(log.complaint_is_complete());
    log.append(
        "[    1.4] ---[ end Kernel panic - not syncing: kernel: panic_on_warn set ... ]---\n");
    EXPECT_TRUE(log.complaint_is_complete());
    EXPECT_EQ(log.headline(), "WARNING: CPU: 0 PID: 1 at a.c:1 b");
}

TEST(KernelLog, TheFirstComplaintCounts) {
    KernelLog log;
    log.append("BUG: first\nBUG: second\n");
    EXPECT_EQ(log.headline(), "BUG: first");
    EXPECT_EQ(log.complaint().size(), 2u);
}

TEST(KernelLog, ForgetsWhatTheBootSaid) {
    KernelLog log;
    log.append("BUG: at boot\n");
    log.forget_complaint();
    EXPECT_TRUE(log.headline().empty());
    log.append("quiet\n");
    EXPECT_TRUE(log.complaint().empty());
    log.append("BUG: later\n");
    EXPECT_EQ(log.headline(), "BUG: later");
}

TEST(KernelLog, IsBoundedWhateverIsWritten) {
    KernelLog log;
    log.append("BUG: flood\n");
    for (int i = 0; i < 1000; ++i) {
        log.append(std::string(5000, 'x') + "\n");
    }
    log.append(std::string(1'000'000, 'y'));
    EXPECT_EQ(log.complaint().size(), KernelLog::most_quoted);
    EXPECT_EQ(log.tail().size(), KernelLog::most_tail);
    for (const auto& line : log.tail()) {
        EXPECT_LE(line.size(), KernelLog::longest_line);
    }
}

TEST(KernelLog, HandsOutPrintableLines) {
    KernelLog log;
    std::string heard;
    log.append("a\x1b[31mb\x80\n", [&heard](const std::string& line) { heard = line; });
    EXPECT_EQ(heard, "a.[31mb.");
}

} // namespace
} // namespace vmrunit::runner
