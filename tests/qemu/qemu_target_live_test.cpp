// SPDX-License-Identifier: GPL-2.0-only
// Target `qemu` with a real QEMU: what it says of itself, the names it checks, and a start by the
// Target interface as the runner does it.
#include "host_runner/targets/qemu_target.hpp"

#include "host_runner/targets/kvm_host.hpp"
#include "tests/qemu/qemu_under_test.hpp"
#include "tests/unit/process_watch.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds live_limit{30'000};

class QemuTargetLiveTest : public testing::Test {
protected:
    QemuTargetLiveTest() { registry_.add(qemu_target_factories()); }
    void TearDown() override { EXPECT_TRUE(no_children_left()); }

    Result<std::unique_ptr<Target>> create(const std::string& spec) {
        return registry_.create(spec, {.qemu_program = qemu_under_test()});
    }
    std::string refusal(const std::string& spec) {
        const auto target = create(spec);
        return target ? "created" : target.error().line();
    }

    TargetRegistry registry_;
};

std::string fact(Target& target, const std::string& key) {
    for (const auto& [name, value] : target.facts()) {
        if (name == key) {
            return value;
        }
    }
    return "no such fact";
}

TEST_F(QemuTargetLiveTest, SaysWhatItIs) {
    const auto version = ask_qemu_version(qemu_under_test());
    ASSERT_TRUE(version) << version.error().line();
    const auto target = create("qemu");
    ASSERT_TRUE(target) << target.error().line();
    const auto availability = (*target)->availability();
    EXPECT_TRUE(availability.available) << availability.reason;
    EXPECT_EQ(availability.reason, "QEMU " + version->text() + ", TCG, CPU max,svm=on");
    EXPECT_EQ((*target)->baseline_name(),
              "qemu-tcg-" + std::to_string(version->major) + "." + std::to_string(version->minor));
    EXPECT_EQ(fact(**target, "qemu.version"), version->text());
    EXPECT_EQ(fact(**target, "qemu.accelerator"), "tcg");
    EXPECT_EQ(fact(**target, "cpu.model"), "max,svm=on");
    EXPECT_TRUE(fact(**target, "qemu.machine").starts_with("microvm,"));
    EXPECT_TRUE(fact(**target, "qemu.program").starts_with("/"));
}

TEST_F(QemuTargetLiveTest, KnowsItsNames) {
    EXPECT_EQ(refusal("qemu,cpu=EPYC,npt=off,machine=q35"), "created");
    EXPECT_TRUE(refusal("qemu,cpu=epyc-mlan")
                    .starts_with("target 'qemu,cpu=epyc-mlan': unknown CPU model 'epyc-mlan': did "
                                 "you mean EPYC-Milan"))
        << refusal("qemu,cpu=epyc-mlan");
    EXPECT_EQ(refusal("qemu,nrip_sav=on"), "target 'qemu,nrip_sav=on': unknown key or CPU feature "
                                           "'nrip_sav': did you mean nrip_save or nrip-save?");
    EXPECT_EQ(refusal("qemu,machine=q53"),
              "target 'qemu,machine=q53': unknown machine 'q53': did you mean q35?");
}

TEST_F(QemuTargetLiveTest, SaysWhichFeatureThisQemuCannotGive) {
    // TCG has had no decode assists in any version.
    const auto target = create("qemu,decodeassists=on");
    ASSERT_TRUE(target) << target.error().line();
    const auto availability = (*target)->availability();
    EXPECT_FALSE(availability.available);
    EXPECT_TRUE(availability.reason.ends_with("TCG cannot give a guest decodeassists"))
        << availability.reason;
    const auto possible = create("qemu,npt=on,vgif=off");
    ASSERT_TRUE(possible);
    EXPECT_TRUE((*possible)->availability().available) << (*possible)->availability().reason;
}

TEST_F(QemuTargetLiveTest, StartsMachinesOneAfterTheOther) {
    const auto target = create("qemu,cpu=EPYC,npt=off,cpus=1");
    ASSERT_TRUE(target) << target.error().line();
    for (int i = 0; i < 3; ++i) {
        auto request = with_ring();
        for (const char letter : {'r', 'w', 't'}) {
            request.plan.push_back(static_cast<std::byte>(letter));
        }
        auto machine = (*target)->start(request);
        ASSERT_TRUE(machine) << machine.error().line();
        std::array<std::byte, 64> bytes{};
        // What was written arrives whole, in as many pieces as the runner is quick.
        std::size_t received = 0;
        ReadOutcome outcome;
        do {
            outcome = (*machine)->read(bytes, live_limit);
            received += outcome.bytes;
        } while (outcome.bytes != 0);
        EXPECT_EQ(received, 5u);
        EXPECT_TRUE(outcome.ended);
        EXPECT_EQ((*machine)->end().how, MachineEnd::How::triple_fault);
    }
}

TEST_F(QemuTargetLiveTest, KvmIsThereExactlyIfThisMachineHasNestedSvm) {
    const auto target = create("qemu-kvm");
    ASSERT_TRUE(target) << target.error().line();
    const auto host = judge_nested_svm(look_at_kvm_host());
    const auto availability = (*target)->availability();
    EXPECT_EQ(availability.available, host.available) << availability.reason;
    if (!host.available) {
        EXPECT_EQ(availability.reason, host.reason);
        EXPECT_FALSE(availability.cure.empty());
    }
}

} // namespace
} // namespace vmrunit::runner
