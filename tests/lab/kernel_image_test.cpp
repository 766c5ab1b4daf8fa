// SPDX-License-Identifier: GPL-2.0-only
// What is a bzImage, and which release it states.
#include "host_runner/lab/kernel_image.hpp"

#include "tests/lab/kernel_samples.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

std::string refusal(const std::vector<std::byte>& image) {
    const auto release = release_of_image(std::span{image});
    return release ? "accepted" : release.error().what;
}

TEST(KernelImage, StatesItsRelease) {
    const auto image = sample_image("6.12.95+deb12-cloud-amd64");
    const auto release = release_of_image(std::span{image});
    ASSERT_TRUE(release) << release.error().line();
    EXPECT_EQ(*release, "6.12.95+deb12-cloud-amd64");
}

TEST(KernelImage, OtherFilesAreRefusedWithTheReason) {
    EXPECT_EQ(refusal({}), "it is not a bzImage: too short");
    EXPECT_EQ(refusal(std::vector<std::byte>(1 << 20)),
              "it is not a bzImage: it has no boot header");
    auto image = sample_image("6.1");
    image[0x211] = std::byte{0};
    EXPECT_EQ(refusal(image), "it is not a bzImage: it is a zImage");
    image = sample_image("6.1");
    image[0x20e] = image[0x20f] = std::byte{0};
    EXPECT_EQ(refusal(image), "it is not a bzImage: it does not state its release");
    image[0x20e] = image[0x20f] = std::byte{0xff};
    EXPECT_EQ(refusal(image), "it is not a bzImage: it does not state its release");
}

TEST(KernelImage, AFileThatIsNoneIsTheUsersToMend) {
    for (const char* file : {"/dev/null", "/nowhere/bzImage"}) {
        const auto release = release_of_image(std::filesystem::path{file});
        ASSERT_FALSE(release) << file;
        EXPECT_TRUE(release.error().misuse) << release.error().line();
    }
}

TEST(KernelImage, AReleaseWithoutEndIsCutOff) {
    const auto image = sample_image(std::string(500, '6'));
    const auto release = release_of_image(std::span{image});
    ASSERT_TRUE(release);
    EXPECT_LE(release->size(), 64u);
}

} // namespace
} // namespace vmrunit::runner
