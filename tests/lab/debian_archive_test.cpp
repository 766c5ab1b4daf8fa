// SPDX-License-Identifier: GPL-2.0-only
// Which suites and packages a kernel is in.
#include "host_runner/lab/debian_archive.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using Names = std::vector<std::string>;

Names suite_names(std::string_view version, const MirrorSites& sites) {
    Names names;
    for (const auto& suite : suites_for(version, sites)) {
        names.push_back(suite.suite);
    }
    return names;
}

TEST(KernelSuites, TheLikeliestComesFirst) {
    const MirrorSites sites{"http://mirror.example/debian", "http://mirror.example/security"};
    EXPECT_EQ(suite_names("6.1", sites).front(), "bookworm-security");
    EXPECT_EQ(suite_names("6.1.176", sites).at(1), "bookworm");
    EXPECT_EQ(suite_names("6.12", sites).front(), "bookworm-backports");
    EXPECT_EQ(suite_names("6.12.95", sites).front(), "bookworm-backports");
    EXPECT_EQ(suite_names("6.17", sites).front(), "trixie-backports");
    EXPECT_EQ(suite_names("7.3", sites).front(), "trixie-backports");
    EXPECT_EQ(suite_names("9.9", sites).size(), 6u);
}

TEST(KernelSuites, ASiteThatIsNotThereIsLeftOut) {
    EXPECT_EQ(suite_names("6.1", {"http://mirror.example/debian", ""}).front(), "bookworm");
}

constexpr const char* records = R"(Package: linux-image-6.12.90+deb12-cloud-amd64
Source: linux-signed-amd64 (6.12.90+1~bpo12+1)
Version: 6.12.90-1~bpo12+1
Depends: kmod, initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool
Size: 33000000

Package: linux-image-6.12.95+deb12-cloud-amd64
Version: 6.12.95-1~bpo12+1
Depends: kmod
Size: 33925512
Description: Linux 6.12 for x86-64 cloud
 Version: 9.9.9-1

Package: linux-image-6.12.99+deb12-cloud-amd64-unsigned
Version: 6.12.99-1~bpo12+1

Package: linux-modules-7.3.4+deb13-cloud-amd64
Version: 7.3.4-1~bpo13+1
Size: 22918420

Package: linux-binary-7.3.4+deb13-cloud-amd64
Version: 7.3.4-1~bpo13+1
Size: 13604064

Package: linux-image-7.3.4+deb13-cloud-amd64
Version: 7.3.4-1~bpo13+1
Depends: dracut | linux-initramfs-tool, linux-base-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1), linux-binary-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1), linux-modules-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1)
Size: 1928
)";

Names names_of(const KernelPackages& kernel) {
    Names names;
    for (const auto& package : kernel.packages) {
        names.push_back(package.name);
    }
    return names;
}

TEST(ChooseKernel, TheNewestThatIsWanted) {
    const auto kernel = choose_kernel(parse_packages(records), "6.12");
    ASSERT_TRUE(kernel);
    EXPECT_EQ(kernel->version, "6.12.95-1~bpo12+1");
    EXPECT_EQ(names_of(*kernel), Names{"linux-image-6.12.95+deb12-cloud-amd64"});
    EXPECT_EQ(kernel->download(), 33925512u);
    EXPECT_EQ(choose_kernel(parse_packages(records), "6.12.90")->version, "6.12.90-1~bpo12+1");
}

TEST(ChooseKernel, InPartsWhereItComesInParts) {
    const auto kernel = choose_kernel(parse_packages(records), "7.3");
    ASSERT_TRUE(kernel);
    EXPECT_EQ(names_of(*kernel),
              (Names{"linux-image-7.3.4+deb13-cloud-amd64", "linux-modules-7.3.4+deb13-cloud-amd64",
                     "linux-binary-7.3.4+deb13-cloud-amd64"}));
    EXPECT_EQ(kernel->download(), 1928u + 22918420u + 13604064u);
}

TEST(ChooseKernel, NoneOfThatVersionButOthers) {
    EXPECT_FALSE(choose_kernel(parse_packages(records), "6.5"));
    EXPECT_FALSE(choose_kernel({}, "6.5"));
    EXPECT_FALSE(choose_kernel(parse_packages("Version: 6.5\nnonsense\n\n"), "6.5"));
}

TEST(ChooseKernel, OneWhoseModulesAreGoneIsNone) {
    auto packages = parse_packages(records);
    std::erase_if(packages, [](const ArchivePackage& package) {
        return package.name.starts_with("linux-modules-7.3.4");
    });
    EXPECT_FALSE(choose_kernel(packages, "7.3"));
    EXPECT_EQ(kernel_versions(packages), (Names{"6.12.90", "6.12.95"}));
}

TEST(KernelVersions, EachOnceOldestFirst) {
    auto packages = parse_packages(records);
    std::ranges::reverse(packages);
    packages.push_back(packages.front());
    EXPECT_EQ(kernel_versions(packages), (Names{"6.12.90", "6.12.95", "7.3.4"}));
    EXPECT_TRUE(kernel_versions({}).empty());
}

} // namespace
} // namespace vmrunit::runner
