// SPDX-License-Identifier: GPL-2.0-only
// Facts about the machine, read from a made-up /proc, /sys and /etc.
#include "host_runner/report/system_info.hpp"
#include "tests/unit/report_samples.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using samples::put_file;
using samples::ScratchFolder;

TEST(SystemInfo, ReadsWhatCanMatter) {
    const ScratchFolder root;
    put_file(root.path / "etc/os-release",
             "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
    put_file(root.path / "proc/sys/kernel/osrelease", "6.1.0-30-amd64\n");
    put_file(root.path / "proc/sys/kernel/version", "#1 SMP\n");
    put_file(root.path / "proc/cpuinfo",
             "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n"
             "model name\t: AMD EPYC\nmicrocode\t: 0xa101148\nflags\t\t: fpu svm hypervisor\n\n"
             "processor\t: 1\nvendor_id\t: Other\n");
    put_file(root.path / "sys/module/kvm_amd/parameters/nested", "1\n");
    put_file(root.path / "sys/module/kvm_amd/parameters/npt", "Y\n");
    put_file(root.path / "sys/module/kvm/parameters/tdp_mmu", "N\n");
    const SystemFacts expected{{"os", "Debian GNU/Linux 12"},
                               {"kernel.release", "6.1.0-30-amd64"},
                               {"kernel.version", "#1 SMP"},
                               {"cpu.vendor", "AuthenticAMD"},
                               {"cpu.family", "25"},
                               {"cpu.model", "17"},
                               {"cpu.model_name", "AMD EPYC"},
                               {"cpu.microcode", "0xa101148"},
                               {"cpu.svm", "yes"},
                               {"cpu.under_hypervisor", "yes"},
                               {"cpu.count", "2"},
                               {"kvm_amd.nested", "1"},
                               {"kvm_amd.npt", "Y"},
                               {"kvm.tdp_mmu", "N"}};
    EXPECT_EQ(read_system_facts(root.path), expected);
}

TEST(SystemInfo, DoesWithoutEverything) {
    const ScratchFolder root;
    EXPECT_EQ(read_system_facts(root.path), (SystemFacts{{"cpu.count", "0"}}));
}

} // namespace
} // namespace vmrunit::runner
