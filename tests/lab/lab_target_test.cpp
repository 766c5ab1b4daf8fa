// SPDX-License-Identifier: GPL-2.0-only
// Target `lab` as far as no machine is needed: its names, and what is told to kernel and worker.
#include "host_runner/lab/lab_target.hpp"

#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/lab/lab_image.hpp"
#include "host_runner/lab/lab_memory.hpp"
#include "host_runner/lab/qemu_lab.hpp"
#include "tests/lab/kernel_samples.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// An emulator that takes no settings and boots nothing.
class OtherEmulator final : public LabEmulator {
public:
    static Result<std::unique_ptr<LabEmulator>> create(TargetSpec&, const TargetOptions&) {
        return std::make_unique<OtherEmulator>();
    }
    Availability availability() override { return {true, "Other 1", {}}; }
    SubjectFacts facts() override { return {}; }
    Layers cpu_layer() override { return {.cpu = "other"}; }
    std::string baseline_name() override { return "other-1"; }
    std::chrono::milliseconds boot_limit() const override { return {}; }
    std::chrono::milliseconds silence_limit() const override { return {}; }
    std::chrono::milliseconds stall_report_limit() const override { return {}; }
    WorkerLines worker_lines() const override { return {}; }
    std::string kernel_parameters() const override { return {}; }
    Result<std::unique_ptr<LabBoot>> boot(const LabImage&) override { return failure("never"); }
};

class LabTargetTest : public testing::Test {
protected:
    LabTargetTest() {
        registry_.add(lab_target_factory({"/nowhere/init", "/nowhere/worker"},
                                         {qemu_lab_emulator(), {"other", OtherEmulator::create}}));
    }

    std::unique_ptr<Target> create(const std::string& spec) {
        auto target = registry_.create(spec, {.qemu_program = "/nowhere/qemu", .kernel = {}});
        EXPECT_TRUE(target) << target.error().line();
        return target ? std::move(*target) : nullptr;
    }
    LabConfiguration configuration(const std::string& spec) {
        const auto target = create(spec);
        return target ? dynamic_cast<LabTarget&>(*target).configuration() : LabConfiguration{};
    }
    QemuLabConfiguration qemu(const std::string& spec) {
        const auto target = create(spec);
        const auto* const emulator =
            target ? dynamic_cast<QemuLabEmulator*>(&dynamic_cast<LabTarget&>(*target).emulator())
                   : nullptr;
        EXPECT_NE(emulator, nullptr) << spec;
        return emulator != nullptr ? emulator->configuration() : QemuLabConfiguration{};
    }
    std::string refusal(const std::string& spec) {
        const auto target = registry_.create(spec, {});
        return target ? "created" : target.error().line();
    }

    TargetRegistry registry_;
};

TEST_F(LabTargetTest, ParametersAreThoseOfKvmAmdUnlessAModuleIsNamed) {
    EXPECT_EQ(configuration("lab:6.12,npt=0,kvm.force_emulation_prefix=1,kvm-amd.vgif=0")
                  .module_parameters,
              (Parameters{{"kvm_amd.npt", "0"},
                          {"kvm.force_emulation_prefix", "1"},
                          {"kvm_amd.vgif", "0"}}));
}

TEST_F(LabTargetTest, OtherSettingsAreOfTheVmAndTheMachine) {
    const auto lab = configuration("lab:6.12,cpus=1,memory=32,cpu=EPYC,boot.mitigations=auto,"
                                   "cpuid.vgif=off");
    EXPECT_EQ(lab.vm_cpus, 1u);
    EXPECT_EQ(lab.vm_memory_mebibytes, 32u);
    EXPECT_EQ(lab.boot_parameters, std::vector<std::string>{"mitigations=auto"});
    EXPECT_EQ(lab.hidden_features, std::vector<std::string>{"vgif"});
}

TEST_F(LabTargetTest, TheEmulatorIsNamedAfterAnAt) {
    EXPECT_EQ(qemu("lab:6.12,cpu=EPYC").cpu, "EPYC");
    EXPECT_EQ(qemu("lab:6.12").program, "/nowhere/qemu");
    EXPECT_EQ(qemu("lab:6.12@qemu").program, "/nowhere/qemu");
    EXPECT_EQ(qemu("lab:6.12@/other/qemu").program, "/other/qemu");
    const auto other = create("lab:6.12@other,npt=0");
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(other->baseline_name(), "lab-other-1");
    EXPECT_EQ(other->layers(), (Layers{.cpu = "other", .kernel = "6.12"}));
    EXPECT_EQ(create("lab:6.12")->layers().cpu, "qemu");
    EXPECT_EQ(create("lab:6.12@other:2.0")->baseline_name(), "lab-other-1")
        << "a version is its own";
    EXPECT_EQ(dynamic_cast<LabTarget&>(*other).configuration().module_parameters,
              (Parameters{{"kvm_amd.npt", "0"}}));
}

TEST_F(LabTargetTest, WrongNamesAreRefusedWithTheReason) {
    EXPECT_EQ(refusal("lab"), "target 'lab': no kernel is named: lab:6.12 is one of Debian's, "
                              "--kernel PATH or lab,kernel=PATH one of your own");
    EXPECT_NE(refusal("lab:6.12,kernel=/boot/vmlinuz").find("more than one kernel"),
              std::string::npos);
    const auto both = registry_.create("lab:6.12", {.qemu_program = {}, .kernel = "/a/path"});
    ASSERT_FALSE(both);
    EXPECT_NE(both.error().what.find("more than one kernel"), std::string::npos);
    for (const auto* version : {"x", "6", "6.", ".12", "v6.12", "../6.12"}) {
        EXPECT_NE(refusal(std::string{"lab:"} + version).find("is no version"), std::string::npos)
            << version;
    }
    EXPECT_EQ(
        refusal("lab:6.12@othre"),
        "target 'lab:6.12@othre': 'othre' is no emulator and no QEMU program in PATH: did you "
        "mean other?");
    EXPECT_NE(refusal("lab:6.12@xyzzy").find("after '@' stands qemu, other or a QEMU program"),
              std::string::npos);
    EXPECT_NE(refusal("lab:6.12,cpus=0").find("it is a number from 1 to 8"), std::string::npos);
    EXPECT_NE(refusal("lab:6.12,npt=0 nested=0").find("is no parameter"), std::string::npos);
    EXPECT_NE(refusal("lab:6.12,npt=\"0").find("is no parameter"), std::string::npos);
    EXPECT_NE(refusal("lab:6.12,nested=0").find("nothing to test without nested=1"),
              std::string::npos);
    EXPECT_NE(refusal("lab:6.12,cpuid.vgiv=off").find("did you mean vgif?"), std::string::npos);
    EXPECT_NE(refusal("lab:6.12,cpuid.vgif=on").find("can only be hidden"), std::string::npos);
    EXPECT_NE(refusal("lab:6.12,cpuid.svm=off").find("can only be hidden"), std::string::npos);
}

TEST_F(LabTargetTest, SaysWhichProgramIsMissing) {
    const auto available = create("lab:6.12")->availability();
    EXPECT_FALSE(available.available);
    EXPECT_EQ(available.reason, "QEMU not found (/nowhere/qemu)");
}

class LabKernelOfOnesOwnTest : public LabTargetTest {
protected:
    LabKernelOfOnesOwnTest() : folder_{TemporaryFolder::create()} {
        write_sample(folder_->path() / "bzImage", sample_image("6.12.95-test"));
        write_sample_modules(folder_->path() / "lib/modules/6.12.95-test", "6.12.95-test");
    }
    std::string trouble(const std::string& parameters) {
        const auto target = registry_.create("lab" + parameters, {{}, folder_->path()});
        EXPECT_TRUE(target) << target.error().line();
        if (!target) {
            return target.error().line();
        }
        const auto prepared = (*target)->prepare();
        return prepared ? "prepared" : prepared.error().line();
    }
    Result<TemporaryFolder> folder_;
};

TEST_F(LabKernelOfOnesOwnTest, IsDescribedWhenPrepared) {
    const auto target = create("lab,kernel=" + folder_->path().string() + ",npt=0");
    ASSERT_TRUE(target->prepare());
    const auto facts = target->facts();
    const auto has = [&facts](const std::string& key, const std::string& value) {
        return std::ranges::find(facts, std::pair{key, value}) != facts.end();
    };
    EXPECT_TRUE(has("kernel.release", "6.12.95-test"));
    EXPECT_TRUE(has("kvm_amd.npt", "0"));
}

TEST_F(LabKernelOfOnesOwnTest, ParametersThatItDoesNotHaveAreRefused) {
    EXPECT_EQ(trouble(",npt=0,vgif=0,kvm.force_emulation_prefix=1"), "prepared");
    EXPECT_EQ(trouble(",vgiff=0"), "module kvm_amd of Linux 6.12.95-test has no parameter vgiff: "
                                   "did you mean vgif?");
    EXPECT_EQ(trouble(",kvn.x=0"), "no module kvn is loaded for kvn.x=0: did you mean kvm?");
}

TEST(LabImage, StepsLoadModulesInOrderWithTheirParameters) {
    LabConfiguration lab;
    for (const auto* name : {"irqbypass", "kvm", "kvm_amd"}) {
        KernelModule module;
        module.name = name;
        lab.kernel.modules.push_back(std::move(module));
    }
    lab.module_parameters = {{"kvm_amd.npt", "0"}, {"kvm.x", "1"}, {"kvm_amd.vgif", "0"}};
    const auto steps = lab_steps(
        lab,
        {.requests = "file:/dev/in", .status = "fd:1", .output = "port:0xe9", .ring_window = {}});
    EXPECT_NE(steps.find("\ninsert /modules/irqbypass.ko\n"
                         "insert /modules/kvm.ko x=1\n"
                         "insert /modules/kvm_amd.ko nested=1 npt=0 vgif=0\n"
                         "require /dev/kvm\n"
                         "run /kvm-worker --serve "),
              std::string::npos)
        << steps;
    EXPECT_NE(steps.find(" --requests file:/dev/in --status fd:1 --output port:0xe9\n"),
              std::string::npos)
        << steps;
}

TEST(LabImage, APlanThatComesAlongIsTheWorkers) {
    EXPECT_NE(lab_steps({}, {}, true).find(" --plan /plan"), std::string::npos);
    EXPECT_EQ(lab_steps({}, {}).find("--plan"), std::string::npos);
}

TEST(LabImage, WindowsOfQemuAreThoseTheKernelLeavesAlone) {
    QemuLabEmulator qemu{{}};
    const auto line = lab_kernel_command_line({}, qemu.kernel_parameters());
    EXPECT_TRUE(line.starts_with("console=ttyS0 tsc=reliable tsc_early_khz=")) << line;
    EXPECT_NE(line.find(" memmap=0x800000$0x10000000 "), std::string::npos) << line;
    EXPECT_NE(
        lab_steps({}, qemu.worker_lines()).find(" --ring-window /dev/mem@0x10000000+0x401000"),
        std::string::npos);
}

TEST(LabImage, ParametersOfWhatIsBuiltInAreOnTheCommandLine) {
    LabConfiguration lab;
    lab.kernel.built_in = {"kvm_amd"};
    lab.module_parameters = {{"kvm_amd.npt", "0"}, {"kvm.x", "1"}};
    lab.boot_parameters = {"mitigations=auto"};
    const auto line = lab_kernel_command_line(lab, "console=x");
    EXPECT_TRUE(line.ends_with(" kvm_amd.nested=1 kvm_amd.npt=0 mitigations=auto")) << line;
    EXPECT_TRUE(line.starts_with("console=x ")) << line;
    EXPECT_EQ(line.find("kvm.x"), std::string::npos);
}

TEST(LabMemory, WindowsDoNotOverlapAndAreReserved) {
    std::uint64_t end = 0;
    for (const auto* window : {&lab_windows.guest_ring, &lab_windows.requests, &lab_windows.output,
                               &lab_windows.status}) {
        EXPECT_GE(window->address, end);
        EXPECT_EQ(window->address % 4096, 0u);
        EXPECT_TRUE(wire::is_ring_size(window->size - sizeof(wire::RingHeader)));
        end = window->address + window->size;
    }
    EXPECT_EQ(LabMemory::reservation(), "memmap=0x800000$0x10000000");
    EXPECT_LE(end, 0x10800000u);
    EXPECT_EQ(lab_windows.guest_ring.for_worker(), "/dev/mem@0x10000000+0x401000");
    EXPECT_FALSE(LabMemory::create(128));
}

} // namespace
} // namespace vmrunit::runner
