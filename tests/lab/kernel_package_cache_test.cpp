// SPDX-License-Identifier: GPL-2.0-only
// The cache: what is in it, how it gets there, and what becomes of half a kernel.
#include "host_runner/lab/kernel_package_cache.hpp"

#include "host_runner/files/temporary_folder.hpp"
#include "tests/lab/kernel_samples.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <mutex>
#include <sys/file.h>
#include <thread>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;

constexpr const char* release = "6.12.95-test";
constexpr const char* version = "6.12.95-1";

class KernelPackageCacheTest : public testing::Test {
protected:
    KernelPackageCacheTest()
        : folder_{TemporaryFolder::create()}, root_{folder_->path() / "cache"}, cache_{root_} {}

    /// Unpacks the sample kernel, and counts.
    KernelPackageCache::Source source() {
        return [this](std::string_view, const fs::path& into,
                      const KernelPackageCache::Tell& tell) -> Result<KernelPackageCache::Fetched> {
            ++fetches_;
            tell("fetching");
            write_sample(into / "boot/vmlinuz-test", sample_image(release));
            write_sample_modules(into / "lib/modules" / release, release);
            return KernelPackageCache::Fetched{version, "linux-image-test"};
        };
    }
    static KernelPackageCache::Source failing_source() {
        return [](std::string_view, const fs::path& into,
                  const KernelPackageCache::Tell&) -> Result<KernelPackageCache::Fetched> {
            write_sample(into / "half", "a download that broke");
            return failure("the mirror does not answer", "check the network");
        };
    }
    KernelPackageCache::Tell tell() {
        return [this](const std::string& line) { told_.push_back(line); };
    }
    std::vector<std::string> content() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator{root_ / "kernels"}) {
            names.push_back(entry.path().filename());
        }
        std::ranges::sort(names);
        return names;
    }

    Result<TemporaryFolder> folder_;
    fs::path root_;
    KernelPackageCache cache_;
    int fetches_ = 0;
    std::vector<std::string> told_;
};

TEST_F(KernelPackageCacheTest, FetchesOnceAndThenHasIt) {
    EXPECT_FALSE(cache_.find("6.12"));
    for (int run = 0; run < 2; ++run) {
        const auto kernel = cache_.obtain("6.12", source(), tell());
        ASSERT_TRUE(kernel) << kernel.error().line();
        EXPECT_EQ(kernel->release, release);
        EXPECT_EQ(kernel->origin, "linux-image-test 6.12.95-1");
        EXPECT_EQ(kernel->modules.size(), 3u);
        EXPECT_EQ(kernel->image, root_ / "kernels" / version / "vmlinuz");
    }
    EXPECT_EQ(fetches_, 1);
    EXPECT_EQ(told_, std::vector<std::string>{"fetching"});
    EXPECT_EQ(cache_.find("6.12"), version);
    EXPECT_EQ(cache_.find("6.12.95"), version);
    EXPECT_FALSE(cache_.find("6.1"));
    EXPECT_EQ(content(), (std::vector<std::string>{".lock", version}));
}

TEST_F(KernelPackageCacheTest, ABrokenFetchLeavesNothing) {
    const auto kernel = cache_.obtain("6.12", failing_source(), tell());
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().line(), "the mirror does not answer: check the network");
    EXPECT_EQ(content(), std::vector<std::string>{".lock"});
    EXPECT_FALSE(cache_.find("6.12"));
}

TEST_F(KernelPackageCacheTest, WhatAKilledRunLeftIsNoKernelAndGoes) {
    write_sample(root_ / "kernels/.unfinished-kernel/vmlinuz", "half");
    write_sample(root_ / "kernels/6.12.99-1/vmlinuz", "without checksums");
    EXPECT_FALSE(cache_.find("6.12"));
    ASSERT_TRUE(cache_.obtain("6.12", source(), tell()));
    EXPECT_FALSE(fs::exists(root_ / "kernels/.unfinished-kernel"));
}

TEST_F(KernelPackageCacheTest, ADamagedKernelIsNotBooted) {
    ASSERT_TRUE(cache_.obtain("6.12", source(), tell()));
    const auto module = root_ / "kernels" / version / "kvm.ko";
    const auto size = fs::file_size(module);
    write_sample(module, std::string(size, 'x'));
    const auto kernel = cache_.obtain("6.12", source(), tell());
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().line(), "the kernel in " + (root_ / "kernels" / version).string() +
                                         " is damaged: remove that folder; it is fetched anew");
}

TEST_F(KernelPackageCacheTest, AMissingFileIsDamageToo) {
    ASSERT_TRUE(cache_.obtain("6.12", source(), tell()));
    fs::remove(root_ / "kernels" / version / "kvm_amd.ko");
    EXPECT_FALSE(cache_.obtain("6.12", source(), tell()));
}

TEST_F(KernelPackageCacheTest, TheNewestIsTaken) {
    for (const auto* one : {"6.12.9-1", "6.12.95-1", "6.12.10-1", "6.1.200-1"}) {
        write_sample(root_ / "kernels" / one / "checksums", "");
    }
    EXPECT_EQ(cache_.find("6.12"), "6.12.95-1");
    EXPECT_EQ(cache_.find("6.1"), "6.1.200-1");
}

TEST_F(KernelPackageCacheTest, OneFetchesAndTheOtherWaits) {
    std::mutex mutex;
    const auto locked_tell = [&](const std::string& line) {
        const std::scoped_lock lock{mutex};
        told_.push_back(line);
    };
    const auto obtain = [&] {
        const auto kernel = cache_.obtain("6.12", source(), locked_tell);
        EXPECT_TRUE(kernel) << kernel.error().line();
    };
    std::thread other{obtain};
    obtain();
    other.join();
    EXPECT_EQ(fetches_, 1);
    EXPECT_EQ(content(), (std::vector<std::string>{".lock", version}));
}

TEST_F(KernelPackageCacheTest, AFolderThatCannotBeWrittenIsSaid) {
    write_sample(root_, "a file in its place");
    const auto kernel = cache_.obtain("6.12", source(), tell());
    ASSERT_FALSE(kernel);
    EXPECT_NE(kernel.error().line().find("cannot create "), std::string::npos);
    EXPECT_NE(kernel.error().line().find("XDG_CACHE_HOME"), std::string::npos);
}

TEST(KernelPackageCacheFolder, FollowsTheEnvironment) {
    const char* const cache = std::getenv("XDG_CACHE_HOME");
    const std::string saved = cache != nullptr ? cache : "";
    ::setenv("XDG_CACHE_HOME", "/somewhere", 1);
    EXPECT_EQ(KernelPackageCache::default_folder().value(), "/somewhere/vmrunit");
    ::setenv("XDG_CACHE_HOME", "relative", 1); // not allowed, so it does not count
    ::setenv("HOME", "/home/somebody", 1);
    EXPECT_EQ(KernelPackageCache::default_folder().value(), "/home/somebody/.cache/vmrunit");
    if (saved.empty()) {
        ::unsetenv("XDG_CACHE_HOME");
    } else {
        ::setenv("XDG_CACHE_HOME", saved.c_str(), 1);
    }
}

} // namespace
} // namespace vmrunit::runner
