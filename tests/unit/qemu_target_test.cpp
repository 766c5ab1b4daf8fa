// SPDX-License-Identifier: GPL-2.0-only
// Targets `qemu` and `qemu-kvm` as far as no QEMU is needed: their options, and what they say where
// there is none or something else of that name.
#include "host_runner/targets/qemu_target.hpp"

#include "harness/svm/inert_ports.hpp"
#include "tests/unit/process_watch.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

constexpr const char* nowhere = "/vmrunit/no-qemu";

BootRequest some_request() {
    BootRequest request;
    request.image = "image";
    return request;
}

class QemuTargetTest : public testing::Test {
protected:
    QemuTargetTest() { registry_.add(qemu_target_factories()); }

    Result<std::unique_ptr<Target>> create(const std::string& spec) {
        return registry_.create(spec, {.qemu_program = nowhere});
    }
    QemuConfiguration configuration(const std::string& spec) {
        auto target = create(spec);
        EXPECT_TRUE(target) << target.error().line();
        return target ? dynamic_cast<QemuTarget&>(**target).configuration() : QemuConfiguration{};
    }
    std::string refusal(const std::string& spec) {
        const auto target = create(spec);
        return target ? "created" : target.error().line();
    }

    TargetRegistry registry_;
};

TEST_F(QemuTargetTest, HasSensibleDefaults) {
    const auto qemu = configuration("qemu");
    EXPECT_EQ(qemu.accelerator, "tcg");
    EXPECT_EQ(qemu.cpu, "max,svm=on");
    EXPECT_EQ(qemu.program, nowhere);
    const auto kvm = configuration("qemu-kvm");
    EXPECT_EQ(kvm.accelerator, "kvm");
    EXPECT_EQ(kvm.cpu, "host,svm=on");
    EXPECT_EQ(
        dynamic_cast<QemuTarget&>(**registry_.create("qemu@other", {})).configuration().program,
        "other");
}

TEST_F(QemuTargetTest, TakesItsOptions) {
    const auto chosen =
        configuration("qemu@/else/qemu,cpu=EPYC,npt=off,vgif=1,cpus=3,memory=128,machine=q35");
    EXPECT_EQ(chosen.program, "/else/qemu");
    EXPECT_EQ(chosen.cpu, "EPYC,svm=on,npt=off,vgif=on");
    EXPECT_EQ(chosen.cpus, 3u);
    EXPECT_EQ(chosen.memory_mebibytes, 128u);
    EXPECT_EQ(chosen.machine, "q35");
    EXPECT_EQ(configuration("qemu,svm=on").cpu, "max,svm=on");
}

TEST_F(QemuTargetTest, KnowsWhatCpuidDoesNotTellOfItsMachines) {
    using svm::Feature;
    const auto features = [this](const std::string& spec) {
        return (*registry_.create(spec, {}))->machine_features();
    };
    const svm::Features service =
        svm::Features{Feature::machine_check_service} | svm::all_inert_ports;
    EXPECT_EQ(features("qemu"),
              service | svm::Features(Feature::second_cpu, Feature::smm_in_memory));
    EXPECT_EQ(features("qemu,cpus=1"), service | svm::Features{Feature::smm_in_memory});
    EXPECT_EQ(features("qemu,machine=q35"), service | svm::Features{Feature::second_cpu});
}

TEST_F(QemuTargetTest, RefusesWhatMakesNoSense) {
    EXPECT_EQ(
        refusal("qemu:9"),
        "target 'qemu:9': nothing to choose by ':9': a QEMU program is named after '@', a CPU "
        "by cpu=");
    EXPECT_EQ(refusal("qemu,svm=off"), "target 'qemu,svm=off': there is nothing to test without "
                                       "SVM: leave svm=off out");
    EXPECT_EQ(refusal("qemu,cpus=0"), "target 'qemu,cpus=0': cpus=0: it is a number from 1 to 64");
    EXPECT_EQ(refusal("qemu,memroy=64"),
              "target 'qemu,memroy=64': memroy=64 is neither one of cpu, cpus, machine, memory nor "
              "a CPU feature that is on or off: did you mean memory?");
}

TEST_F(QemuTargetTest, SaysThatThereIsNoQemu) {
    auto target = create("qemu,cpu=EPYC"); // cannot be asked for its models
    ASSERT_TRUE(target) << target.error().line();
    const auto availability = (*target)->availability();
    EXPECT_FALSE(availability.available);
    EXPECT_EQ(availability.reason, "QEMU not found (/vmrunit/no-qemu: No such file or directory)");
    EXPECT_EQ(availability.cure, "apt install qemu-system-x86, or name one with --qemu PATH");
    EXPECT_EQ((*target)->baseline_name(), "qemu-tcg-unknown");
    const auto machine = (*target)->start(some_request());
    ASSERT_FALSE(machine);
    EXPECT_EQ(machine.error().what, "/vmrunit/no-qemu: No such file or directory");
}

TEST_F(QemuTargetTest, SaysThatItIsNotQemu) {
    auto target = registry_.create("qemu@/bin/true,cpu=EPYC", {});
    ASSERT_TRUE(target) << target.error().line();
    const auto availability = (*target)->availability();
    EXPECT_FALSE(availability.available);
    EXPECT_TRUE(availability.reason.starts_with("/bin/true is not a QEMU that can be used"))
        << availability.reason;
    const auto machine = (*target)->start(some_request());
    ASSERT_FALSE(machine);
    EXPECT_EQ(machine.error().what, "QEMU did not start the machine: exit status 0");
    EXPECT_TRUE(no_children_left());
}

TEST_F(QemuTargetTest, BaselinesOfKvmAreNamedAfterTheKernel) {
    const auto target = create("qemu-kvm");
    ASSERT_TRUE(target);
    EXPECT_EQ((*target)->baseline_name(), "kvm");
    EXPECT_EQ((*target)->name(), "qemu-kvm");
    EXPECT_TRUE((*target)->shares_memory());
}

} // namespace
} // namespace vmrunit::runner
