// SPDX-License-Identifier: GPL-2.0-only
// What was fetched is there whole or not at all.
#include "host_runner/debian/package_folder.hpp"

#include "host_runner/files/temporary_folder.hpp"

#include <fstream>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

namespace fs = std::filesystem;

class PackageFolderTest : public testing::Test {
protected:
    PackageFolderTest()
        : temporary_{TemporaryFolder::create()},
          path_{temporary_->path() / "cache/bochs"},
          folder_{path_, "Bochs", "complete"} {}

    PackageFolder::Make maker(const std::string& version) {
        return [this, version](const fs::path& unpacked, const fs::path& kept) {
            ++made_;
            std::ofstream{unpacked / "package.deb"}.close();
            std::ofstream{kept / "complete"}.close();
            return Result<std::string>{version};
        };
    }

    Result<TemporaryFolder> temporary_;
    fs::path path_;
    PackageFolder folder_;
    int made_ = 0;
    Tell tell_ = [](const std::string&) {};
};

TEST_F(PackageFolderTest, IsMadeOnceAndNothingElseStays) {
    for (int run = 0; run < 2; ++run) {
        const auto version = folder_.obtain("3.0", maker("3.0+dfsg-1"), tell_);
        ASSERT_TRUE(version) << version.error().line();
        EXPECT_EQ(*version, "3.0+dfsg-1");
    }
    EXPECT_EQ(made_, 1);
    for (const auto& entry : fs::directory_iterator{path_}) {
        const auto name = entry.path().filename().string();
        EXPECT_TRUE(name == ".lock" || name == "3.0+dfsg-1") << name;
    }
}

TEST_F(PackageFolderTest, AFailureLeavesNothing) {
    const auto fails = [](const fs::path&, const fs::path& kept) -> Result<std::string> {
        std::ofstream{kept / "complete"}.close();
        return failure("the mirror does not answer");
    };
    EXPECT_FALSE(folder_.obtain("3.0", fails, tell_));
    EXPECT_FALSE(folder_.find("3.0"));
}

TEST_F(PackageFolderTest, WithoutItsMarkItIsNotThere) {
    fs::create_directories(path_ / "3.0+dfsg-1");
    fs::create_directories(path_ / ".unfinished-Bochs");
    EXPECT_FALSE(folder_.find("3.0"));
    ASSERT_TRUE(folder_.obtain("3.0", maker("3.0+dfsg-1"), tell_));
    EXPECT_EQ(made_, 1);
    EXPECT_FALSE(fs::exists(path_ / ".unfinished-Bochs"));
    EXPECT_EQ(folder_.find("3.0"), "3.0+dfsg-1");
    EXPECT_FALSE(folder_.find("2.7"));
}

} // namespace
} // namespace vmrunit::runner
