// SPDX-License-Identifier: GPL-2.0-only
// Finding a kernel's image and modules in the places where people have them.
#include "host_runner/lab/kernel_files.hpp"

#include "host_runner/files/temporary_folder.hpp"
#include "tests/lab/kernel_samples.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;

class KernelFilesTest : public testing::Test {
protected:
    KernelFilesTest() : folder_{TemporaryFolder::create()}, root_{folder_->path()} {}

    void check(const fs::path& named, const fs::path& image) {
        const auto kernel = find_kernel_files(named);
        ASSERT_TRUE(kernel) << kernel.error().line();
        EXPECT_EQ(kernel->image, image);
        EXPECT_EQ(kernel->release, release);
        std::vector<std::string> names;
        for (const auto& module : kernel->modules) {
            names.push_back(module.name);
        }
        EXPECT_EQ(names, (std::vector<std::string>{"irqbypass", "kvm", "kvm_amd"}));
    }
    static std::string refusal(const fs::path& named) {
        const auto kernel = find_kernel_files(named);
        return kernel ? "accepted" : kernel.error().line();
    }

    static constexpr const char* release = "6.12.95-test";
    Result<TemporaryFolder> folder_;
    fs::path root_;
};

TEST_F(KernelFilesTest, OfAnUnpackedPackageWithBoot) {
    write_sample(root_ / "boot/vmlinuz-6.12.95-test", sample_image(release));
    write_sample_modules(root_ / "lib/modules" / release, release);
    check(root_, root_ / "boot/vmlinuz-6.12.95-test");
    check(root_ / "boot/vmlinuz-6.12.95-test", root_ / "boot/vmlinuz-6.12.95-test");
}

TEST_F(KernelFilesTest, OfAnUnpackedPackageWithItsImageAmongTheModules) {
    const auto modules = root_ / "usr/lib/modules" / release;
    write_sample(modules / "vmlinuz", sample_image(release));
    write_sample_modules(modules, release);
    check(root_, modules / "vmlinuz");
    check(modules / "vmlinuz", modules / "vmlinuz");
}

TEST_F(KernelFilesTest, OfATreeThatWasBuilt) {
    write_sample(root_ / "arch/x86/boot/bzImage", sample_image(release));
    write_sample(root_ / "virt/lib/irqbypass.ko", sample_module("irqbypass", release));
    write_sample(root_ / "arch/x86/kvm/kvm.ko", sample_module("kvm", release, "irqbypass"));
    write_sample(root_ / "arch/x86/kvm/kvm-amd.ko", sample_module("kvm_amd", release, "kvm"));
    check(root_, root_ / "arch/x86/boot/bzImage");
    check(root_ / "arch/x86/boot/bzImage", root_ / "arch/x86/boot/bzImage");
}

TEST_F(KernelFilesTest, OfAnImageWithItsModulesBeside) {
    write_sample(root_ / "bzImage", sample_image(release));
    write_sample_modules(root_ / "lib/modules" / release, release);
    check(root_, root_ / "bzImage");
}

TEST_F(KernelFilesTest, ModulesMayBeBuiltIn) {
    write_sample(root_ / "arch/x86/boot/bzImage", sample_image(release));
    write_sample(root_ / "modules.builtin", "kernel/arch/x86/kvm/kvm.ko\n"
                                            "kernel/arch/x86/kvm/kvm-amd.ko\n");
    const auto kernel = find_kernel_files(root_);
    ASSERT_TRUE(kernel) << kernel.error().line();
    EXPECT_TRUE(kernel->modules.empty());
    EXPECT_EQ(kernel->built_in, (std::vector<std::string>{"kvm", "kvm_amd"}));
}

TEST_F(KernelFilesTest, WhatIsMissingIsSaid) {
    EXPECT_EQ(refusal(root_ / "no"),
              "there is no kernel " + (root_ / "no").string() +
                  ": name a bzImage, a folder that holds one, or a kernel tree that was built");
    EXPECT_EQ(refusal(root_), "there is no kernel image in " + root_.string() +
                                  ": a tree must have been built: make bzImage modules");
    write_sample(root_ / "bzImage", std::string(100'000, 'x'));
    EXPECT_NE(refusal(root_).find("bzImage: it is not a bzImage: it has no boot header"),
              std::string::npos);
    write_sample(root_ / "bzImage", sample_image(release));
    EXPECT_NE(refusal(root_).find("(Linux 6.12.95-test): no module kvm_amd: build the kernel with "
                                  "CONFIG_KVM_AMD=m or =y"),
              std::string::npos);
    const auto modules = root_ / "lib/modules" / release;
    write_sample_modules(modules, release);
    fs::remove(modules / "kernel/virt/lib/irqbypass.ko");
    EXPECT_NE(refusal(root_).find("no module irqbypass, which kvm needs, which kvm_amd needs"),
              std::string::npos);
}

TEST_F(KernelFilesTest, ModulesOfAnotherBuildAreRefused) {
    write_sample(root_ / "bzImage", sample_image(release));
    write_sample_modules(root_ / "lib/modules" / release, "6.12.94-test");
    const auto said = refusal(root_);
    EXPECT_NE(said.find("is for Linux 6.12.94-test, the image is 6.12.95-test"), std::string::npos)
        << said;
}

} // namespace
} // namespace vmrunit::runner
