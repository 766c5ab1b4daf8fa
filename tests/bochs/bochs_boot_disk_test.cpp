// SPDX-License-Identifier: GPL-2.0-only
// The disk that GRUB boots from: every byte that a BIOS or GRUB looks at.
#include "host_runner/targets/bochs_boot_disk.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <string_view>

namespace vmrunit::runner {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

std::string text_at(const std::vector<std::byte>& bytes, std::size_t at, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes.data()) + at, size};
}

unsigned number_at(const std::vector<std::byte>& bytes, std::size_t at) {
    unsigned value = 0;
    for (unsigned i = 0; i < 4; ++i) {
        value |= std::to_integer<unsigned>(bytes[at + i]) << (8 * i);
    }
    return value;
}

BootLoader loader_of(std::size_t core_size) {
    return {std::vector<std::byte>(512, std::byte{0xb0}),
            std::vector<std::byte>(core_size, std::byte{0xc0})};
}

TEST(BochsBootDisk, AnArchiveHoldsNameSizeAndContent) {
    const auto archive = tar_archive({{"payload", bytes_of("0123456789")}, {"plan", {}}});
    ASSERT_EQ(archive.size(), 512u * 5); // two headers, one block of content, two of zero
    EXPECT_EQ(text_at(archive, 0, 8), std::string_view("payload\0", 8));
    EXPECT_EQ(text_at(archive, 124, 12), std::string_view("00000000012\0", 12));
    EXPECT_EQ(text_at(archive, 257, 8), std::string_view("ustar\00000", 8));
    EXPECT_EQ(text_at(archive, 512, 11), std::string_view("0123456789\0", 11));
    EXPECT_EQ(text_at(archive, 1024, 5), std::string_view("plan\0", 5));
    EXPECT_EQ(text_at(archive, 1024 + 124, 12), std::string_view("00000000000\0", 12));
    EXPECT_TRUE(std::all_of(archive.end() - 1024, archive.end(),
                            [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(BochsBootDisk, TheSumOfAHeaderIsThatOfItsBytesWithBlanksInItsPlace) {
    const auto archive = tar_archive({{"plan", bytes_of("x")}});
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) {
        sum += i >= 148 && i < 156 ? ' ' : std::to_integer<unsigned>(archive[i]);
    }
    EXPECT_EQ(std::stoul(text_at(archive, 148, 6), nullptr, 8), sum);
    EXPECT_EQ(text_at(archive, 154, 2), std::string_view("\0 ", 2));
}

TEST(BochsBootDisk, HasBootSectorCorePartitionAndArchive) {
    const auto disk = boot_disk(loader_of(1000), {{"plan", bytes_of("abc")}});
    ASSERT_TRUE(disk) << disk.error().line();
    EXPECT_EQ(disk->size() % (16 * 63 * 512), 0u);
    EXPECT_EQ((*disk)[0], std::byte{0xb0});
    EXPECT_EQ((*disk)[445], std::byte{0xb0});
    EXPECT_EQ((*disk)[446], std::byte{0x80});
    EXPECT_NE((*disk)[450], std::byte{0}); // a partition of type 0 is none
    EXPECT_EQ(number_at(*disk, 454), 2048u);
    EXPECT_EQ(number_at(*disk, 458), 4u); // header, content, two blocks of zero
    // GRUB refuses the table if an unused entry has flags.
    EXPECT_TRUE(std::all_of(disk->begin() + 462, disk->begin() + 510,
                            [](std::byte byte) { return byte == std::byte{0}; }));
    EXPECT_EQ((*disk)[510], std::byte{0x55});
    EXPECT_EQ((*disk)[511], std::byte{0xaa});
    EXPECT_EQ((*disk)[512], std::byte{0xc0});
    EXPECT_EQ((*disk)[512 + 999], std::byte{0xc0});
    EXPECT_EQ((*disk)[512 + 1000], std::byte{0});
    EXPECT_EQ(text_at(*disk, 2048 * 512, 4), "plan");
    EXPECT_EQ(text_at(*disk, 2049 * 512, 3), "abc");
}

TEST(BochsBootDisk, RefusesWhatDoesNotFit) {
    EXPECT_TRUE(boot_disk(loader_of(2047 * 512), {}));
    const auto too_large = boot_disk(loader_of(2047 * 512 + 1), {});
    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().what, "GRUB's core image is too large: 1048065 bytes");
    const auto no_sector = boot_disk({std::vector<std::byte>(511), {}}, {});
    ASSERT_FALSE(no_sector);
    EXPECT_EQ(no_sector.error().what, "GRUB's boot sector has 511 bytes, not 512");
}

TEST(BochsBootDisk, GrubTakesNoWordOfAKernelsCommandLineApart) {
    EXPECT_EQ(linux_boot_commands("console=ttyS0 a=$b;{c}"),
              "linux (hd0,msdos1)/kernel 'console=ttyS0' 'a=$b;{c}'\n"
              "initrd (hd0,msdos1)/initramfs\nboot\n");
}

TEST(BochsBootDisk, AMissingFileIsNamed) {
    const auto read = read_whole_file("/nowhere/at/all");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().what, "cannot read /nowhere/at/all: No such file or directory");
    const auto written = write_whole_file("/nowhere/at/all", {});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().what, "cannot write /nowhere/at/all: No such file or directory");
}

} // namespace
} // namespace vmrunit::runner
