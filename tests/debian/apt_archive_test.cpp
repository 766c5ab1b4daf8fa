// SPDX-License-Identifier: GPL-2.0-only
// Reading what apt says: the mirror, versions, packages.
#include "host_runner/debian/apt_archive.hpp"
#include "host_runner/debian/package_version.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

TEST(MirrorSites, AreThoseOfDebianAmongOthers) {
    const auto sites =
        find_mirror_sites("https://packages.example/apt cloud-sdk-bookworm main cloud\n"
                          "https://other.example/bookworm bookworm main Other\n"
                          "http://mirror.example/debian bookworm contrib Debian\n"
                          "http://mirror.example/debian bookworm main Debian\n"
                          "http://second.example/debian bookworm-updates main Debian\n"
                          "http://mirror.example/debian-security bookworm-security main Debian\n");
    EXPECT_EQ(sites.main, "http://mirror.example/debian");
    EXPECT_EQ(sites.security, "http://mirror.example/debian-security");
}

TEST(MirrorSites, AreKnownBeforeListsWereFetched) {
    const auto sites = find_mirror_sites("http://mirror.example/debian trixie main\n");
    EXPECT_EQ(sites.main, "http://mirror.example/debian");
    EXPECT_EQ(sites.security, "");
}

TEST(MirrorSites, AreEmptyElsewhere) {
    EXPECT_EQ(find_mirror_sites("http://mirror.example/ubuntu noble main Ubuntu\n").main, "");
    EXPECT_EQ(find_mirror_sites("").main, "");
}

TEST(PackageVersion, CoversWhatBeginsWithIt) {
    EXPECT_TRUE(version_covers("6.12", "6.12.95-1~bpo12+1"));
    EXPECT_TRUE(version_covers("6.12.95", "6.12.95-1~bpo12+1"));
    EXPECT_TRUE(version_covers("6.12.95-1~bpo12+1", "6.12.95-1~bpo12+1"));
    EXPECT_FALSE(version_covers("6.1", "6.12.95-1"));
    EXPECT_FALSE(version_covers("6.12.9", "6.12.95-1"));
    EXPECT_FALSE(version_covers("", "6.12.95-1"));
}

TEST(PackageVersion, OrderIsThatOfDebian) {
    EXPECT_TRUE(version_is_older("6.1.176-1", "6.12.95-1"));
    EXPECT_TRUE(version_is_older("6.9.7-1", "6.12.3-1"));
    EXPECT_TRUE(version_is_older("6.12.95-1~bpo12+1", "6.12.95-1"));
    EXPECT_FALSE(version_is_older("6.12.95-1", "6.12.95-1~bpo12+1"));
    EXPECT_TRUE(version_is_older("6.12.95-1", "6.12.95-1+deb12u1"));
    EXPECT_FALSE(version_is_older("6.12.95-1", "6.12.95-1"));
    EXPECT_TRUE(version_is_older("7.3.4-1~bpo13+1", "7.3.4-2~bpo13+1"));
}

TEST(ParsePackages, TakesEachRecordsOwnFieldsOnly) {
    const auto packages = parse_packages("Version: 1\n"
                                         "Package: bochs\nVersion: 3.0+dfsg-1\n"
                                         "Section: otherosfs\nSize: 1921016\n"
                                         "Depends: bochs-wx | bochs-gui, libc6 (>= 2.38)\n"
                                         "Description: emulator\n Version: 9\n\n"
                                         "Package: libc6\nSection: libs\n");
    ASSERT_EQ(packages.size(), 2u);
    EXPECT_EQ(packages[0].name, "bochs");
    EXPECT_EQ(packages[0].version, "3.0+dfsg-1");
    EXPECT_EQ(packages[0].section, "otherosfs");
    EXPECT_EQ(packages[0].size, 1921016u);
    EXPECT_TRUE(packages[0].depends.contains("libc6"));
    EXPECT_EQ(packages[1].section, "libs");
    EXPECT_EQ(packages[1].version, "");
}

TEST(ParseInstallations, TakesWhatWouldBeInstalled) {
    const auto names = parse_installations("NOTE: This is only a simulation!\n"
                                           "Inst gcc-14-base (14.2.0-19 Debian:13.8 [amd64])\n"
                                           "Inst libc6 (2.41-12 Debian:13.8 [amd64]) []\n"
                                           "Conf libc6 (2.41-12 Debian:13.8 [amd64])\n");
    EXPECT_EQ(names, (std::vector<std::string>{"gcc-14-base", "libc6"}));
}

} // namespace
} // namespace vmrunit::runner
