// SPDX-License-Identifier: GPL-2.0-only
// Boots the payloads of this folder in QEMU (TCG) and compares what they report with what the
// guest library promises.

#include "tests/guest/machine.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vmrunit::guest_test {
namespace {

using std::chrono::seconds;
using namespace std::chrono_literals;

constexpr auto deadline = 120s; // far above what a loaded machine needs; reached by a hang only

struct Booted {
    Output output;
    Report report;
};

Booted boot(const std::vector<std::string>& command) {
    Booted booted{run_until_end(command, deadline), {}};
    EXPECT_TRUE(booted.output.reached_end)
        << "timed out: " << booted.output.timed_out << "\nprinted:\n"
        << booted.output.text << "\nerrors:\n"
        << booted.output.errors;
    booted.report = parse_report(booted.output.text);
    return booted;
}

Booted boot_pvh(const std::string& name, const std::string& cpu = "max,+svm",
                std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-machine", "q35", "-kernel", payload(name)});
    return boot(qemu(cpu, more));
}

// What the width of L1 makes of its baseline.
struct Width {
    std::string suffix; // of the payload's name
    std::string efer;
    std::string cs;
};
const Width x64{"", "d00", "8"};
const Width x86{"_x86", "800", "30"};

// All that does not depend on the door; xsave and its bit in CR4 depend on the CPU.
void expect_baseline(const Table& seen, const Width& width = x64) {
    EXPECT_EQ(seen.at("cr0"), "80010033");
    EXPECT_EQ(seen.at("cr4"), seen.at("has_xsave") == "1" ? "40620" : "620");
    EXPECT_EQ(seen.at("efer"), width.efer);
    EXPECT_EQ(seen.at("rflags"), "2");
    EXPECT_EQ(seen.at("cs"), width.cs);
    EXPECT_EQ(seen.at("ss"), "10");
    EXPECT_EQ(seen.at("tr"), "48");
    EXPECT_EQ(seen.at("ldtr"), "0");
    EXPECT_EQ(seen.at("dr6"), "ffff0ff0");
    EXPECT_EQ(seen.at("dr7"), "400");
    EXPECT_EQ(seen.at("cr8"), "0");
    EXPECT_EQ(seen.at("cpu_index"), "0");
    EXPECT_EQ(seen.at("gdt_is_own"), "1");
    EXPECT_EQ(seen.at("stack_is_own"), "1");
    EXPECT_EQ(seen.at("bss"), "0");
    EXPECT_EQ(seen.at("data"), "1234");
    EXPECT_EQ(seen.at("low_text_size_is_0"), "0");
    EXPECT_EQ(seen.at("low_text_differs"), "0");
}

// QEMU keeps a little of the 64 MiB at their end for its firmware.
void expect_nearly_64_mib(const std::string& memory_end) {
    const unsigned long end = std::stoul(memory_end, nullptr, 16);
    EXPECT_LE(end, 0x400'0000ul);
    EXPECT_GE(end, 0x3f0'0000ul);
}

void boots_by_pvh(const Width& width) {
    const TemporaryFolder folder;
    const auto module = folder.write("module", "seventeen bytes:)");
    const Booted booted = boot_pvh("boot" + width.suffix, "max,+svm",
                                   {"-initrd", module, "-append", "one two=3 \"four\""});
    const Table& seen = booted.report.at("");
    EXPECT_EQ(seen.at("door"), "pvh");
    EXPECT_EQ(seen.at("arguments"), "one two=3 \"four\"");
    EXPECT_EQ(seen.at("module"), "seventeen bytes:)");
    EXPECT_EQ(seen.at("module_size"), "11");
    EXPECT_EQ(seen.at("module_aligned"), "1");
    EXPECT_EQ(seen.at("module_behind_image"), "1");
    EXPECT_EQ(seen.at("rsdp_signature"), "RSD PTR ");
    expect_nearly_64_mib(seen.at("memory_end"));
    expect_baseline(seen, width);
}

TEST(GuestBoot, PvhWithModule) {
    boots_by_pvh(x64);
}
TEST(GuestBoot, PvhWithModuleX86) {
    boots_by_pvh(x86);
}

TEST(GuestBoot, PvhWithNothing) {
    const Booted booted = boot_pvh("boot", "qemu64");
    const Table& seen = booted.report.at("");
    EXPECT_EQ(seen.at("door"), "pvh");
    EXPECT_EQ(seen.at("arguments"), "");
    EXPECT_EQ(seen.at("module_size"), "0");
    EXPECT_EQ(seen.at("has_xsave"), "0");
    expect_baseline(seen);
}

TEST(GuestBoot, LongCommandLineIsCut) {
    const Booted booted = boot_pvh("boot", "max,+svm", {"-append", std::string(2000, 'x')});
    EXPECT_EQ(booted.report.at("").at("arguments"), std::string(1023, 'x'));
}

TEST(GuestBoot, DirtyMemory) {
    const TemporaryFolder folder;
    const auto memory = folder.write("memory", std::string(64 << 20, '\xa5'));
    const Booted booted = boot_pvh(
        "boot", "max,+svm",
        {"-object", "memory-backend-file,id=ram,size=64M,share=on,mem-path=" + memory.string(),
         "-machine", "memory-backend=ram"});
    expect_baseline(booted.report.at(""));
}

void boots_by_multiboot2(const Width& width) {
    const TemporaryFolder folder;
    const auto tree = folder.path() / "tree";
    folder.write("tree/boot/module", "seventeen bytes:)");
    folder.write("tree/boot/second_module", "not this one");
    folder.write("tree/boot/grub/grub.cfg", "set timeout=0\n"
                                            "multiboot2 /boot/payload.elf one two=3\n"
                                            "module2 /boot/module\n"
                                            "module2 /boot/second_module\n"
                                            "boot\n");
    std::filesystem::copy_file(payload("boot" + width.suffix), tree / "boot" / "payload.elf");
    const auto image = folder.path() / "boot.iso";
    const Output made = run_until_end({"grub-mkrescue", "-d", "/usr/lib/grub/i386-pc",
                                       "--install-modules=multiboot2 iso9660 biosdisk normal",
                                       "--themes=", "--locales=", "--fonts=", "-o", image, tree},
                                      deadline);
    ASSERT_TRUE(!made.timed_out && made.exit_status == 0) << made.text << made.errors;

    const Booted booted = boot(qemu("max,+svm", {"-machine", "q35", "-cdrom", image}));
    const Table& seen = booted.report.at("");
    EXPECT_EQ(seen.at("door"), "multiboot2");
    EXPECT_EQ(seen.at("arguments"), "one two=3");
    EXPECT_EQ(seen.at("module"), "seventeen bytes:)");
    EXPECT_EQ(seen.at("module_size"), "11");
    EXPECT_EQ(seen.at("module_aligned"), "1");
    EXPECT_EQ(seen.at("module_behind_image"), "1");
    EXPECT_EQ(seen.at("rsdp_signature"), "RSD PTR ");
    expect_nearly_64_mib(seen.at("memory_end"));
    expect_baseline(seen, width);
}

TEST(GuestBoot, Multiboot2ByGrub) {
    boots_by_multiboot2(x64);
}
TEST(GuestBoot, Multiboot2ByGrubX86) {
    boots_by_multiboot2(x86);
}

TEST(GuestBoot, SecondStartIsLikeTheFirst) {
    const Booted booted = boot_pvh("restart");
    const Table& seen = booted.report.at("");
    EXPECT_EQ(seen.at("starts"), "2");
    EXPECT_EQ(seen.at("rsdp"), "1234");
    EXPECT_EQ(seen.at("bss"), "0");
    EXPECT_EQ(seen.at("cr0"), "80010033");
    EXPECT_EQ(seen.at("cr4"), "620");
    EXPECT_EQ(seen.at("efer"), "d00");
    EXPECT_EQ(seen.at("cr8"), "0");
    EXPECT_EQ(seen.at("dr6"), "ffff0ff0");
    EXPECT_EQ(seen.at("dr7"), "400");
    EXPECT_EQ(seen.at("rflags"), "2");
    EXPECT_EQ(seen.at("dr0"), "0");
    EXPECT_EQ(seen.at("gs_base"), "0");
    EXPECT_EQ(seen.at("timer_masked"), "1");
    EXPECT_EQ(seen.at("pending"), "0");
    EXPECT_EQ(seen.at("fault_count"), "0");
    EXPECT_EQ(seen.at("interrupts"), "1");
    EXPECT_EQ(seen.at("last_vector"), "61");
}

void expect_refusal(const std::string& cpu) {
    const std::string text = "vmrunit: this CPU has no long mode or no NX\n";
    const Output output =
        run_until_end(qemu(cpu, {"-machine", "q35", "-kernel", payload("boot")}), deadline, text);
    EXPECT_TRUE(output.reached_end) << output.text << output.errors;
    EXPECT_EQ(output.text, text);
}

TEST(GuestBoot, SaysWhyNot32BitCpu) {
    expect_refusal("qemu32");
}
TEST(GuestBoot, SaysWhyNotWithoutNx) {
    expect_refusal("max,-nx");
}

class GuestFaults : public testing::Test {
protected:
    // Once for all tests, in whichever comes first.
    void SetUp() override {
        if (booted_.report.empty())
            booted_ = boot_pvh("fault");
        ASSERT_TRUE(booted_.output.reached_end);
    }
    static void expect_fault(const std::string& name, const std::string& vector,
                             const std::string& error_code, bool has_error_code) {
        SCOPED_TRACE(name);
        const Table& seen = booted_.report.at(name);
        ASSERT_EQ(seen.at("vector"), vector);
        EXPECT_EQ(seen.at("error_code"), error_code);
        EXPECT_EQ(seen.at("has_error_code"), has_error_code ? "1" : "0");
        if (seen.contains("rip_matches")) {
            EXPECT_EQ(seen.at("rip_matches"), "1");
        }
    }
    // NOLINTNEXTLINE(readability-identifier-naming): private like any other member, though static
    static inline Booted booted_;
};

TEST_F(GuestFaults, AreReportedAsData) {
    expect_fault("ud2", "6", "0", false);
    expect_fault("wrmsr", "d", "0", true);
    expect_fault("load", "e", "0", true);
    EXPECT_EQ(booted_.report.at("load").at("cr2"), "101234560");
    expect_fault("selector", "d", "4228", true);
    expect_fault("divide", "0", "0", false);
    expect_fault("int3", "3", "0", false);
    EXPECT_EQ(booted_.report.at("nothing").at("vector"), "none");
}

TEST_F(GuestFaults, DoubleFaultHasItsOwnStack) {
    expect_fault("no_stack", "8", "0", true);
    EXPECT_EQ(booted_.report.at("no_stack").at("fault_count"), "7");
}

TEST_F(GuestFaults, CallerKeepsItsRegisters) {
    const Table& seen = booted_.report.at("registers");
    EXPECT_EQ(seen.at("sum"), "13ba"); // 1 + 2 + ... + 100
    EXPECT_EQ(seen.at("rflags"), "2");
}

TEST_F(GuestFaults, CatchesNest) {
    const Table& seen = booted_.report.at("nested");
    EXPECT_EQ(seen.at("inner"), "6");
    EXPECT_EQ(seen.at("outer"), "3");
    EXPECT_EQ(seen.at("reached"), "1");
}

TEST_F(GuestFaults, InterruptsAndNmisAreCounted) {
    const Table& seen = booted_.report.at("events");
    EXPECT_EQ(seen.at("software"), "1");
    EXPECT_EQ(seen.at("software_vector"), "41");
    EXPECT_EQ(seen.at("requested"), "1");
    EXPECT_EQ(seen.at("held"), "1");
    EXPECT_EQ(seen.at("taken"), "2");
    EXPECT_EQ(seen.at("taken_vector"), "92");
    EXPECT_EQ(seen.at("in_service"), "0");
    EXPECT_EQ(seen.at("vectors_low"), "2");      // 0x41
    EXPECT_EQ(seen.at("vectors_high"), "40000"); // 0x92
    EXPECT_EQ(seen.at("nmis"), "1");
}

TEST_F(GuestFaults, ApicResetTakesWhatIsPending) {
    const Table& seen = booted_.report.at("events");
    EXPECT_EQ(seen.at("after_reset"), "4");
    EXPECT_EQ(seen.at("pending_after_reset"), "0");
    EXPECT_EQ(seen.at("priority_after_reset"), "0");
}

// QEMU before 9.0 has no x2APIC under TCG; then only the refusal is to be seen.
TEST_F(GuestFaults, X2apicWorksOrIsRefused) {
    const Table& seen = booted_.report.at("x2apic");
    ASSERT_EQ(seen.at("entered"), seen.at("cpuid_bit"));
    if (seen.at("entered") == "1") {
        EXPECT_EQ(seen.at("same_id"), "1");
        EXPECT_EQ(seen.at("taken"), "1");
        EXPECT_EQ(seen.at("left"), "1");
    }
    EXPECT_EQ(seen.at("is_xapic"), "1");
}

TEST_F(GuestFaults, UnexpectedOneGoesToTheHookAndEndsTheRun) {
    const Table& seen = booted_.report.at("unexpected");
    EXPECT_EQ(seen.at("vector"), "e");
    EXPECT_EQ(seen.at("cr2"), "100000777");
    EXPECT_EQ(seen.at("rax"), "100000777");
    EXPECT_FALSE(booted_.report.contains("survived"));
}

// What 64-bit and 32-bit L1 have in common, on the latter.
TEST(GuestFaultsX86, AreReportedAsDataAndEventsAreCounted) {
    const Booted booted = boot_pvh("fault_x86");
    const auto expect = [&](const std::string& name, const std::string& vector,
                            const std::string& error_code) {
        SCOPED_TRACE(name);
        const Table& seen = booted.report.at(name);
        EXPECT_EQ(seen.at("vector"), vector);
        EXPECT_EQ(seen.at("error_code"), error_code);
        EXPECT_EQ(seen.contains("rip_matches") ? seen.at("rip_matches") : "1", "1");
    };
    expect("ud2", "6", "0");
    expect("wrmsr", "d", "0");
    expect("selector", "d", "4228");
    expect("divide", "0", "0");
    expect("int3", "3", "0");
    EXPECT_EQ(booted.report.at("nothing").at("vector"), "none");
    // #DF has a task, and the second one finds it as the first did.
    for (const std::string name : {"no_stack", "no_stack_again"}) {
        expect(name, "8", "0");
        EXPECT_EQ(booted.report.at(name).at("has_error_code"), "1");
        EXPECT_EQ(booted.report.at(name).at("rsp_matches"), "1");
    }
    EXPECT_EQ(booted.report.at("no_stack_again").at("fault_count"), "7");
    EXPECT_EQ(booted.report.at("registers").at("sum"), "13ba");
    EXPECT_EQ(booted.report.at("registers").at("rflags"), "2");
    EXPECT_EQ(booted.report.at("nested").at("inner"), "6");
    EXPECT_EQ(booted.report.at("nested").at("outer"), "3");
    const Table& events = booted.report.at("events");
    EXPECT_EQ(events.at("held"), "1");
    EXPECT_EQ(events.at("taken"), "2");
    EXPECT_EQ(events.at("taken_vector"), "92");
    EXPECT_EQ(events.at("after_reset"), "4");
    EXPECT_EQ(events.at("priority_after_reset"), "0");
    EXPECT_EQ(events.at("nmis"), "1");
    EXPECT_EQ(booted.report.at("unexpected").at("vector"), "d");
    EXPECT_EQ(booted.report.at("unexpected").at("rax"), "777");
    EXPECT_FALSE(booted.report.contains("survived"));
}

void second_cpus_answer(const Width& width) {
    const Booted booted = boot_pvh("second_cpu" + width.suffix, "max,+svm", {"-smp", "3"});
    for (const std::string number : {"1", "2"}) {
        SCOPED_TRACE("cpu " + number);
        const Table& seen = booted.report.at("cpu" + number);
        EXPECT_EQ(seen.at("start"), "0");
        EXPECT_EQ(seen.at("apic_id"), number);
        EXPECT_EQ(seen.at("index"), number);
        EXPECT_EQ(seen.at("same_baseline"), "1");
        EXPECT_EQ(seen.at("own_stack"), "1");
        EXPECT_EQ(seen.at("own_gdt"), "1");
        EXPECT_EQ(seen.at("fault_vector"), "6");
        EXPECT_EQ(seen.at("finished_before"), "0");
        EXPECT_EQ(seen.at("finished"), "1");
        EXPECT_EQ(seen.at("nmis"), "1");
        EXPECT_EQ(seen.at("interrupts"), "1");
        EXPECT_EQ(seen.at("vector"), "77");
    }
    const Table& restart = booted.report.at("restart");
    EXPECT_EQ(restart.at("running"), "0");
    EXPECT_EQ(restart.at("finished_first"), "0");
    EXPECT_EQ(restart.at("again"), "0");
    EXPECT_EQ(restart.at("finished_second"), "1");
    const Table& refused = booted.report.at("refused");
    EXPECT_EQ(refused.at("index_0"), "1");
    EXPECT_EQ(refused.at("index_too_great"), "1");
    EXPECT_EQ(refused.at("self"), "2");
    EXPECT_EQ(refused.at("missing"), "3");
    EXPECT_EQ(refused.at("own_faults"), "0");
    EXPECT_EQ(refused.at("own_interrupts"), "0");
}

TEST(GuestCpus, StartAndAnswer) {
    second_cpus_answer(x64);
}
TEST(GuestCpus, StartAndAnswerX86) {
    second_cpus_answer(x86);
}

void enters_and_leaves_svm(const Width& width) {
    const Booted booted = boot_pvh("svm" + width.suffix);
    EXPECT_EQ(booted.report.at("").at("cpuid_svm"), "1");
    for (const std::string when : {"before", "after"}) {
        SCOPED_TRACE(when);
        EXPECT_EQ(booted.report.at(when).at("efer"), width.efer);
        EXPECT_EQ(booted.report.at(when).at("save_area_is_ours"), "0");
        EXPECT_EQ(booted.report.at(when).at("clgi_vector"), "6");
    }
    const Table& inside = booted.report.at("inside");
    EXPECT_EQ(inside.at("efer"), "1" + width.efer);
    EXPECT_EQ(inside.at("save_area_is_ours"), "1");
    EXPECT_EQ(inside.at("clgi_vector"), "ff");
    const Table& mode = booted.report.at("mode");
    EXPECT_EQ(mode.at("entered"), "1");
    EXPECT_EQ(mode.at("obstacle"), "none");
    const Table& misaligned = booted.report.at("misaligned");
    EXPECT_EQ(misaligned.at("entered"), "0");
    EXPECT_EQ(misaligned.at("obstacle"), "save_area_refused");
    EXPECT_EQ(misaligned.at("svme_inside"), "0");
}

TEST(GuestSvmMode, EntersAndLeaves) {
    enters_and_leaves_svm(x64);
}
TEST(GuestSvmMode, EntersAndLeavesX86) {
    enters_and_leaves_svm(x86);
}

TEST(GuestSvmMode, SaysThatTheCpuHasNone) {
    const Booted booted = boot_pvh("svm", "max,-svm");
    EXPECT_EQ(booted.report.at("").at("cpuid_svm"), "0");
    EXPECT_EQ(booted.report.at("mode").at("entered"), "0");
    EXPECT_EQ(booted.report.at("mode").at("obstacle"), "no_cpuid_bit");
    for (const std::string when : {"before", "inside", "after"})
        EXPECT_EQ(booted.report.at(when).at("efer"), "d00") << when;
}

void memory_functions_agree(const Width& width) {
    const Booted booted = boot_pvh("memory" + width.suffix);
    const Table& seen = booted.report.at("");
    EXPECT_EQ(seen.at("wrong_moves"), "0");
    EXPECT_EQ(seen.at("wrong_copies"), "0");
    EXPECT_EQ(seen.at("wrong_fills"), "0");
    EXPECT_EQ(seen.at("wrong_comparisons"), "0");
    EXPECT_EQ(seen.at("calls"), "8d42");
}

TEST(GuestMemory, FunctionsAgreeWithAByteLoop) {
    memory_functions_agree(x64);
}
TEST(GuestMemory, FunctionsAgreeWithAByteLoopX86) {
    memory_functions_agree(x86);
}

} // namespace
} // namespace vmrunit::guest_test
