// SPDX-License-Identifier: GPL-2.0-only
// The target `kvm` by name: what it makes of its settings, and what a worker's last word means.
#include "host_runner/targets/kvm_target.hpp"

#include "host_runner/targets/kvm_host.hpp"

#include <gtest/gtest.h>
#include <set>

namespace vmrunit::runner {
namespace {

Result<std::unique_ptr<Target>> create(const std::string& text) {
    TargetRegistry registry;
    registry.add(kvm_target_factory("/path/to/kvm-worker"));
    return registry.create(text, {});
}

std::string complaint(const std::string& text) {
    const auto target = create(text);
    return target ? "none" : target.error().line();
}

TEST(KvmTarget, SettingsReachTheWorker) {
    const auto target = create("kvm,np=off,cpus=1,nrips=off,memory=128");
    ASSERT_TRUE(target) << target.error().line();
    EXPECT_EQ((*target)->name(), "kvm,np=off,cpus=1,nrips=off,memory=128");
    EXPECT_TRUE((*target)->shares_memory());
    const auto& configuration = dynamic_cast<const KvmTarget&>(**target).configuration();
    EXPECT_EQ(configuration.worker, "/path/to/kvm-worker");
    EXPECT_EQ(configuration.cpus, 1u);
    EXPECT_EQ(configuration.memory_mebibytes, 128u);
    EXPECT_EQ(configuration.hidden_features, (std::vector<std::string>{"np", "nrips"}));
}

TEST(KvmTarget, MistakesAreNamed) {
    EXPECT_EQ(complaint("kvm"), "none");
    EXPECT_EQ(complaint("kvm,nnp=off"),
              "target 'kvm,nnp=off': unknown key or CPU feature 'nnp': did you mean np or nx?");
    EXPECT_EQ(complaint("kvm,np=on"),
              "target 'kvm,np=on': a feature can only be hidden, by np=off");
    EXPECT_EQ(complaint("kvm,svm=off"),
              "target 'kvm,svm=off': there is nothing to test without SVM: leave svm=off out");
    EXPECT_EQ(complaint("kvm,cpus=9"), "target 'kvm,cpus=9': cpus=9: it is a number from 1 to 8");
    EXPECT_EQ(complaint("kvm:6.1"), "target 'kvm:6.1': there is nothing to choose by ':' or '@': "
                                    "other kernels are lab targets");
}

TEST(KvmTarget, AvailabilityIsThatOfTheHostOrOfTheWorker) {
    const auto target = create("kvm");
    ASSERT_TRUE(target);
    const auto here = (*target)->availability();
    const auto host = judge_nested_svm(look_at_kvm_host());
    EXPECT_FALSE(here.available);
    EXPECT_EQ(here.reason,
              host.available ? "there is no kvm-worker (/path/to/kvm-worker)" : host.reason);
    EXPECT_FALSE(here.cure.empty());
}

TEST(KvmTarget, FactsNameTheKernel) {
    const auto target = create("kvm,np=off");
    ASSERT_TRUE(target);
    std::set<std::string> names;
    for (const auto& [name, value] : (*target)->facts()) {
        EXPECT_FALSE(value.empty()) << name;
        EXPECT_TRUE(names.insert(name).second) << name << " twice";
        if (name == "kvm.hidden") {
            EXPECT_EQ(value, "np");
        }
    }
    EXPECT_TRUE(names.contains("kernel.release"));
    EXPECT_TRUE(names.contains("kvm.hidden"));
    EXPECT_EQ((*target)->baseline_name(), "kvm");
}

TEST(KvmTarget, WhatALastWordMeans) {
    using worker::HowEnded;
    using How = MachineEnd::How;
    const std::pair<HowEnded, How> meanings[]{
        {HowEnded::finished, How::finished},
        {HowEnded::stopped, How::finished},
        {HowEnded::halted, How::hung},
        {HowEnded::hung, How::hung},
        {HowEnded::shutdown, How::triple_fault},
        {HowEnded::system_event, How::triple_fault},
        {HowEnded::internal_error, How::internal_error},
        {HowEnded::failed_entry, How::internal_error},
        {HowEnded::unexpected_exit, How::internal_error},
        {HowEnded::run_failed, How::internal_error},
        {HowEnded::stream_lost, How::lost},
        {HowEnded::not_started, How::emulator_died},
        {HowEnded::process_died, How::emulator_died},
    };
    for (const auto& [how, meaning] : meanings) {
        const auto end = conclude_worker(worker::StatusMessage{.kind = worker::StatusKind::ended,
                                                               .how = how,
                                                               .detail = "in detail"},
                                         ProcessStatus{.code = 1}, "noise");
        EXPECT_EQ(end.how, meaning) << to_string(how);
        EXPECT_EQ(end.text, "in detail");
    }
}

TEST(KvmTarget, AWorkerWithoutALastWord) {
    const auto killed = conclude_worker(std::nullopt, ProcessStatus{.signal = 9}, "");
    EXPECT_EQ(killed.how, MachineEnd::How::emulator_died);
    EXPECT_EQ(killed.text, "kvm-worker: killed by SIGKILL");
    const auto failed = conclude_worker(std::nullopt, ProcessStatus{.code = 99}, "no such file");
    EXPECT_EQ(failed.text, "kvm-worker: exit status 99: no such file");
    EXPECT_EQ(conclude_worker(std::nullopt, std::nullopt, "").text,
              "kvm-worker: it does not answer");
}

} // namespace
} // namespace vmrunit::runner
