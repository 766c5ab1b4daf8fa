// SPDX-License-Identifier: GPL-2.0-only
// Lab machines of a packaged kernel, which is fetched if it is not in the cache: machines one after
// the other, and every way in which kernel and worker can fail. LAB_EMULATOR="@bochs" runs them
// there.
#include "host_runner/lab/bochs_lab.hpp"
#include "host_runner/lab/lab_target.hpp"

#include "cases/model/catalogue.hpp"
#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/lab/kernel_package_cache.hpp"
#include "host_runner/lab/qemu_lab.hpp"
#include "host_runner/payload/payload_images.hpp"
#include "host_runner/session/session.hpp"
#include "tests/lab/faulty_module.hpp"
#include "tests/lab/kernel_samples.hpp"
#include "tests/unit/process_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;
using How = MachineEnd::How;

constexpr const char* kernel_version = "6.12";
constexpr const char* harmless = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64";
constexpr const char* harmless_too = "intercept/cpuid/not_taken/l2_long64/cpl0/np1/l1_long64";
// KVM emulates it: with invlpga_interception().
constexpr const char* with_invlpga = "intercept/invlpga/not_taken/l2_long64/cpl0/np1/l1_long64";

std::filesystem::path from_environment(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

class LabMachineTest : public testing::Test {
protected:
    void SetUp() override {
        const auto target = lab();
        const auto available = target->availability();
        if (!available.available) {
            ASSERT_THAT(available.reason, testing::Not(HasSubstr("there is no"))) << "of ours";
            GTEST_SKIP() << available.reason;
        }
        if (const auto prepared = target->prepare(); !prepared) {
            const auto line = prepared.error().line();
            ASSERT_THAT(line, HasSubstr("check the network")) << "that is no reason to skip";
            GTEST_SKIP() << line;
        }
    }
    void TearDown() override { EXPECT_TRUE(no_children_left()); }

    static std::unique_ptr<LabTarget>
    lab(const std::string& settings = {},
        const std::filesystem::path& worker = from_environment("KVM_WORKER")) {
        return create(std::string{"lab:"} + kernel_version + emulator() + settings, {}, worker);
    }
    static std::unique_ptr<LabTarget> own_kernel(const std::filesystem::path& folder,
                                                 const std::string& settings = {}) {
        return create("lab" + emulator() + settings, folder, from_environment("KVM_WORKER"));
    }
    static std::string emulator() { return from_environment("LAB_EMULATOR").string(); }

    /// The packaged kernel with a fault planted into kvm_amd, in a folder.
    static TemporaryFolder faulty_kernel(ModuleFault fault,
                                         std::string_view function = "invlpga_interception") {
        auto folder = TemporaryFolder::create();
        EXPECT_TRUE(folder);
        const auto cached = KernelPackageCache{*KernelPackageCache::default_folder()};
        auto kernel = cached.load(cached.find(kernel_version).value());
        EXPECT_TRUE(kernel) << kernel.error().line();
        std::filesystem::copy_file(kernel->image, folder->path() / "bzImage");
        for (auto& module : kernel->modules) {
            if (module.name == "kvm_amd") {
                EXPECT_TRUE(plant_fault(module.content, function, fault));
            }
            write_sample(folder->path() / "lib/modules" / kernel->release / (module.name + ".ko"),
                         module.content);
        }
        return std::move(*folder);
    }

    static std::vector<CaseResult> run(Target& target, const std::vector<std::string>& names) {
        static const cases::Catalogue catalogue = cases::registered_cases();
        const auto images = PayloadImages::load(from_environment("CASE_RUNNER"));
        EXPECT_TRUE(images);
        std::vector<const cases::Case*> list;
        for (const auto& name : names) {
            list.push_back(catalogue.find(name));
            EXPECT_NE(list.back(), nullptr) << name;
        }
        SessionListener nobody;
        Session session{target, *images, {}, nobody};
        EXPECT_TRUE(session.load(list));
        const auto deadline = std::chrono::steady_clock::now() + 600s;
        while (!session.finished() && std::chrono::steady_clock::now() < deadline) {
            session.step(100ms);
        }
        EXPECT_TRUE(session.finished());
        std::vector<CaseResult> results;
        for (const auto* one : list) {
            const auto* const result = session.result(*one);
            results.push_back(result != nullptr ? *result : CaseResult{});
        }
        return results;
    }

    static BootRequest script(std::string_view letters) {
        BootRequest request;
        request.image = from_environment("SCRIPTED_PAYLOAD");
        const auto bytes = std::as_bytes(std::span{letters});
        request.plan.assign(bytes.begin(), bytes.end());
        return request;
    }
    static MachineEnd run_to_end(Machine& machine) {
        std::vector<std::byte> bytes(4096);
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (std::chrono::steady_clock::now() < deadline) {
            if (machine.read(bytes, 1s).ended) {
                return machine.end();
            }
        }
        ADD_FAILURE() << "it does not end";
        return {};
    }

private:
    static std::unique_ptr<LabTarget> create(const std::string& spec,
                                             const std::filesystem::path& kernel,
                                             const std::filesystem::path& worker) {
        TargetRegistry registry;
        registry.add(lab_target_factory({from_environment("LAB_INIT"), worker},
                                        {qemu_lab_emulator(), bochs_lab_emulator()}));
        auto target = registry.create(spec, {.qemu_program = {}, .kernel = kernel});
        EXPECT_TRUE(target) << target.error().line();
        return std::unique_ptr<LabTarget>{dynamic_cast<LabTarget*>(target->release())};
    }
};

TEST_F(LabMachineTest, ADeadGuestCostsAVmAndNoKernel) {
    const auto target = lab();
    for (int round = 0; round < 3; ++round) {
        const auto machine = target->start(script("pt"));
        ASSERT_TRUE(machine) << machine.error().line();
        const auto end = run_to_end(**machine);
        EXPECT_EQ(end.how, How::triple_fault);
        EXPECT_THAT(end.text, StartsWith("KVM_EXIT_SHUTDOWN (triple fault)"));
    }
    EXPECT_EQ(target->boots(), 1u);
}

TEST_F(LabMachineTest, AWarningFailsTheCaseItBelongsTo) {
    const auto folder = faulty_kernel(ModuleFault::warn);
    const auto target = own_kernel(folder.path());
    const auto results = run(*target, {harmless, with_invlpga, harmless_too});
    EXPECT_EQ(results[0].verdict, Verdict::pass) << results[0].reason;
    EXPECT_EQ(results[1].verdict, Verdict::fail);
    EXPECT_THAT(results[1].reason, StartsWith("kernel died: WARNING: "));
    EXPECT_THAT(results[1].guest_log, Contains(HasSubstr("invlpga_interception")));
    EXPECT_EQ(results[2].verdict, Verdict::pass) << results[2].reason;
    EXPECT_EQ(target->boots(), 2u);
}

TEST_F(LabMachineTest, APanicCostsOneCaseAndOneBoot) {
    const auto folder = faulty_kernel(ModuleFault::oops);
    const auto target = own_kernel(folder.path());
    const auto results = run(*target, {harmless, with_invlpga, harmless_too});
    EXPECT_EQ(results[0].verdict, Verdict::pass) << results[0].reason;
    EXPECT_EQ(results[1].verdict, Verdict::fail);
    EXPECT_THAT(results[1].reason, StartsWith("kernel died: "));
    EXPECT_THAT(results[1].guest_log, Contains(HasSubstr("Oops: invalid opcode")));
    EXPECT_EQ(results[2].verdict, Verdict::pass) << results[2].reason;
    EXPECT_EQ(target->boots(), 2u);
}

TEST_F(LabMachineTest, AWarningAsTheVmGoesFailsItsLastCase) {
    const auto folder = faulty_kernel(ModuleFault::warn, "svm_vcpu_free");
    const auto target = own_kernel(folder.path());
    const auto results = run(*target, {harmless, harmless_too});
    EXPECT_EQ(results[0].verdict, Verdict::pass) << results[0].reason;
    EXPECT_EQ(results[1].verdict, Verdict::fail);
    EXPECT_THAT(results[1].reason, StartsWith("kernel died: WARNING: "));
    EXPECT_THAT(results[1].guest_log, Contains(HasSubstr("svm_vcpu_free")));
    EXPECT_EQ(target->boots(), 1u);
}

TEST_F(LabMachineTest, AKernelThatIsStuckIsHeardUntilItSaysSo) {
    const auto folder = faulty_kernel(ModuleFault::loop);
    const auto target = own_kernel(folder.path(), ",boot.watchdog_thresh=8"); // says so after 16 s
    const auto results = run(*target, {harmless, with_invlpga, harmless_too});
    EXPECT_EQ(results[0].verdict, Verdict::pass) << results[0].reason;
    EXPECT_EQ(results[1].verdict, Verdict::fail);
    EXPECT_THAT(results[1].reason, StartsWith("kernel died: watchdog: BUG: soft lockup"));
    EXPECT_THAT(results[1].guest_log, Contains(HasSubstr("invlpga_interception")));
    EXPECT_EQ(results[2].verdict, Verdict::pass) << results[2].reason;
    EXPECT_EQ(target->boots(), 2u);
}

TEST_F(LabMachineTest, AKernelThatIsStuckAndSilentIsNamed) {
    const auto folder = faulty_kernel(ModuleFault::deaf_loop);
    const auto target = own_kernel(folder.path());
    const auto results = run(*target, {harmless, with_invlpga, harmless_too});
    EXPECT_EQ(results[0].verdict, Verdict::pass) << results[0].reason;
    EXPECT_EQ(results[1].verdict, Verdict::fail);
    EXPECT_EQ(results[1].reason, "kernel died: it does not end its VM");
    EXPECT_EQ(results[2].verdict, Verdict::pass) << results[2].reason;
    EXPECT_EQ(target->boots(), 2u);
}

TEST_F(LabMachineTest, AKernelThatHoldsAVmAndGoesOnIsNamed) {
    const auto folder = faulty_kernel(ModuleFault::loop);
    // It takes the CPU from the loop, so that the worker can say that its VM does not end.
    const auto target = own_kernel(folder.path(), ",boot.preempt=full");
    const auto results = run(*target, {harmless, with_invlpga, harmless_too});
    EXPECT_EQ(results[0].verdict, Verdict::pass) << results[0].reason;
    EXPECT_EQ(results[1].verdict, Verdict::fail);
    EXPECT_THAT(results[1].reason, StartsWith("kernel died: "));
    EXPECT_EQ(results[2].verdict, Verdict::pass) << results[2].reason;
    EXPECT_EQ(target->boots(), 2u);
}

TEST_F(LabMachineTest, AnImageThatIsNoKernelIsNamed) {
    const auto folder = TemporaryFolder::create();
    write_sample(folder->path() / "bzImage", sample_image("6.12.95-test"));
    write_sample_modules(folder->path() / "lib/modules/6.12.95-test", "6.12.95-test");
    const auto machine = own_kernel(folder->path())->start(script("p"));
    ASSERT_FALSE(machine);
    EXPECT_THAT(machine.error().what, StartsWith("the lab machine did not come up: "));
}

TEST_F(LabMachineTest, ACpuWithoutSvmIsSaidByTheModule) {
    const auto machine = lab(",cpu=Haswell")->start(script("p"));
    ASSERT_FALSE(machine);
    EXPECT_THAT(machine.error().what, HasSubstr("cannot load kvm_amd.ko: "));
}

TEST_F(LabMachineTest, AWorkerThatDiesAtOnceIsQuoted) {
    const auto target = lab(",cpus=1", from_environment("DYING_WORKER"));
    const auto machine = target->start(script("p"));
    ASSERT_FALSE(machine);
    EXPECT_THAT(machine.error().what,
                HasSubstr("kvm-worker in the lab machine ended: exit status 3: "
                          "I was not made for this"));
}

TEST_F(LabMachineTest, AWorkerThatDiesUnderAMachineEndsIt) {
    const auto target = lab({}, from_environment("DYING_WORKER"));
    const auto machine = target->start(script("p"));
    ASSERT_TRUE(machine) << machine.error().line();
    const auto end = run_to_end(**machine);
    EXPECT_EQ(end.how, How::lost);
    EXPECT_THAT(end.text, HasSubstr("ended: exit status 3"));
}

} // namespace
} // namespace vmrunit::runner
