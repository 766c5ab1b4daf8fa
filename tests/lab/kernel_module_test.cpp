// SPDX-License-Identifier: GPL-2.0-only
// Kernel modules: what they say of themselves, compressed or not, whole or not.
#include "host_runner/lab/kernel_module.hpp"

#include "host_runner/files/temporary_folder.hpp"
#include "tests/lab/kernel_samples.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <memory>

namespace vmrunit::runner {
namespace {

using Names = std::vector<std::string>;

void write_compressed(const std::filesystem::path& file, const std::vector<std::byte>& content,
                      int (*add_filter)(archive*)) {
    const std::unique_ptr<archive, decltype(&archive_write_free)> writer{archive_write_new(),
                                                                         archive_write_free};
    ASSERT_EQ(add_filter(writer.get()), ARCHIVE_OK);
    ASSERT_EQ(archive_write_set_format_raw(writer.get()), ARCHIVE_OK);
    ASSERT_EQ(archive_write_open_filename(writer.get(), file.c_str()), ARCHIVE_OK);
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry{archive_entry_new(),
                                                                              archive_entry_free};
    archive_entry_set_pathname(entry.get(), "module");
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    ASSERT_EQ(archive_write_header(writer.get(), entry.get()), ARCHIVE_OK);
    ASSERT_EQ(archive_write_data(writer.get(), content.data(), content.size()),
              static_cast<la_ssize_t>(content.size()));
}

TEST(KernelModule, SaysItsNameReleaseDependenciesAndParameters) {
    const auto content = sample_module("kvm-amd", "6.12.95", "kvm,ccp", {"npt", "vgif"});
    const auto module = parse_kernel_module(content);
    ASSERT_TRUE(module) << module.error().line();
    EXPECT_EQ(module->name, "kvm_amd");
    EXPECT_EQ(module->release, "6.12.95");
    EXPECT_EQ(module->depends, (Names{"kvm", "ccp"}));
    EXPECT_EQ(module->parameters, (Names{"npt", "vgif"}));
    EXPECT_EQ(module->content, content);
}

TEST(KernelModule, OtherFilesAreRefused) {
    EXPECT_FALSE(parse_kernel_module({}));
    EXPECT_FALSE(parse_kernel_module(std::vector<std::byte>(10'000)));
    const auto no_release = parse_kernel_module(sample_module({"name=a"}));
    ASSERT_FALSE(no_release);
    EXPECT_EQ(no_release.error().what,
              "it is not a kernel module: it does not state its kernel's release");
}

TEST(KernelModule, ACutOrDamagedFileIsRefusedWhereverThatIs) {
    const auto whole = sample_module("kvm", "6.1", "irqbypass");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_kernel_module({whole.begin(), whole.begin() + static_cast<long>(size)}))
            << size;
    }
    for (std::size_t at = 0; at < whole.size();
         ++at) { // must not read outside; either answer will do
        auto damaged = whole;
        damaged[at] = std::byte{0xff};
        static_cast<void>(parse_kernel_module(damaged));
    }
}

TEST(KernelModule, IsReadThroughEveryCompression) {
    const auto folder = TemporaryFolder::create();
    ASSERT_TRUE(folder) << folder.error().line();
    const auto content = sample_module("kvm", "6.1");
    write_sample(folder->path() / "kvm.ko", content);
    write_compressed(folder->path() / "kvm.ko.gz", content, archive_write_add_filter_gzip);
    write_compressed(folder->path() / "kvm.ko.xz", content, archive_write_add_filter_xz);
    write_compressed(folder->path() / "kvm.ko.zst", content, archive_write_add_filter_zstd);
    for (const auto* name : {"kvm.ko", "kvm.ko.gz", "kvm.ko.xz", "kvm.ko.zst"}) {
        const auto module = read_kernel_module(folder->path() / name);
        ASSERT_TRUE(module) << name << ": " << module.error().line();
        EXPECT_EQ(module->content, content) << name;
    }
}

TEST(KernelModule, AFileThatIsMissingOrCutIsNamed) {
    const auto folder = TemporaryFolder::create();
    ASSERT_TRUE(folder) << folder.error().line();
    const auto missing = read_kernel_module(folder->path() / "kvm.ko");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().what.find("kvm.ko"), std::string::npos);

    const auto file = folder->path() / "kvm.ko.xz";
    write_compressed(file, sample_module("kvm", "6.1"), archive_write_add_filter_xz);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    const auto cut = read_kernel_module(file);
    ASSERT_FALSE(cut);
    EXPECT_NE(cut.error().what.find("kvm.ko.xz"), std::string::npos);
}

TEST(KernelModule, FilesAreNamedWithDashesToo) {
    EXPECT_EQ(module_name_of_file("/lib/modules/6.1/kernel/arch/x86/kvm/kvm-amd.ko.xz"), "kvm_amd");
    EXPECT_EQ(module_name_of_file("kvm.ko"), "kvm");
    EXPECT_EQ(module_name_of_file("irqbypass.ko.zst"), "irqbypass");
    EXPECT_EQ(module_name_of_file("kvm.mod.c"), "");
    EXPECT_EQ(module_name_of_file(".ko"), "");
}

} // namespace
} // namespace vmrunit::runner
