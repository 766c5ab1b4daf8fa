// SPDX-License-Identifier: GPL-2.0-only
// Making the disk. ustar: POSIX.1-1988, 10.1.1. The partition table is that of PC disks.
#include "host_runner/targets/bochs_boot_disk.hpp"

#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/process/capture.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t sector_size = 512;
constexpr std::size_t partition_start = 2048;        // sectors
constexpr std::size_t cylinder_size = 16 * 63 * 512; // what Bochs takes a disk to be made of
constexpr std::size_t partition_table = 446;         // four entries of 16 bytes
constexpr std::size_t signature = 510;
constexpr std::chrono::milliseconds make_limit{60'000};
constexpr const char* grub_folder = "/usr/lib/grub/i386-pc";
constexpr const char* grub_cure = "apt install grub-common grub-pc-bin";

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

void put(std::vector<std::byte>& into, std::size_t at, std::span<const std::byte> content) {
    std::ranges::copy(content, into.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_number(std::vector<std::byte>& into, std::size_t at, std::size_t value) {
    for (unsigned i = 0; i < 4; ++i) {
        into[at + i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
    }
}

std::size_t rounded_up(std::size_t size, std::size_t unit) {
    return (size + unit - 1) / unit * unit;
}

std::vector<std::byte> tar_header(const BootFile& file) {
    std::vector<std::byte> header(sector_size);
    const auto field = [&](std::size_t at, std::string_view text) {
        put(header, at, bytes_of(text));
    };
    field(0, std::string_view{file.name}.substr(0, 99));
    field(100, "0000644");
    field(108, "0000000"); // owner
    field(116, "0000000"); // group
    field(124, fmt::format("{:011o}", file.content.size()));
    field(136, "00000000000"); // time
    field(148, "        ");    // the sum is taken with blanks in its own place
    field(156, "0");           // a file
    field(257, std::string_view{"ustar\00000", 8});
    unsigned sum = 0;
    for (const auto byte : header) {
        sum += std::to_integer<unsigned>(byte);
    }
    field(148, fmt::format("{:06o}", sum));
    header[154] = std::byte{0};
    return header;
}

std::string boot_commands(bool with_plan) {
    std::string commands = "multiboot2 (hd0,msdos1)/payload\n";
    if (with_plan) {
        commands += "module2 (hd0,msdos1)/plan\n";
    }
    return commands + "boot\n";
}

} // namespace

Result<std::vector<std::byte>> read_whole_file(const fs::path& path) {
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    std::vector<char> text{std::istreambuf_iterator<char>{file}, {}};
    if (!file.is_open() || file.bad()) {
        return failure(with_errno("cannot read " + path.string(), errno));
    }
    const auto bytes = std::as_bytes(std::span{text});
    return std::vector<std::byte>{bytes.begin(), bytes.end()};
}

Result<void> write_whole_file(const fs::path& path, std::span<const std::byte> content) {
    errno = 0;
    std::ofstream file{path, std::ios::binary | std::ios::trunc};
    file.write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file) {
        return failure(with_errno("cannot write " + path.string(), errno));
    }
    return {};
}

Result<void> BootLoader::check_programs() {
    if (const auto found = find_program("grub-mkimage"); !found) {
        return failure("GRUB not found (" + found.error().what + ")", grub_cure);
    }
    const auto boot_sector = fs::path{grub_folder} / "boot.img";
    std::error_code ignored;
    if (!fs::exists(boot_sector, ignored)) {
        return failure("GRUB for PC BIOS not found (there is no " + boot_sector.string() + ")",
                       grub_cure);
    }
    return {};
}

namespace {

Result<BootLoader> make_loader(const std::string& commands_text, const std::string& module) {
    auto boot_sector = read_whole_file(fs::path{grub_folder} / "boot.img");
    if (!boot_sector) {
        return tl::unexpected(Error{boot_sector.error().what, grub_cure});
    }
    const auto folder = TemporaryFolder::create();
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    const auto commands = folder->path() / "commands";
    const auto core_file = folder->path() / "core";
    if (auto written = write_whole_file(commands, bytes_of(commands_text)); !written) {
        return tl::unexpected(written.error());
    }
    const auto made = capture({"grub-mkimage", "-O", "i386-pc", "-d", grub_folder, "-p",
                               "(hd0,msdos1)/", "-c", commands.string(), "-o", core_file.string(),
                               "biosdisk", "part_msdos", "tar", module},
                              make_limit);
    if (!made) {
        return tl::unexpected(Error{made.error().what, grub_cure});
    }
    if (!made->status.succeeded()) {
        return failure("grub-mkimage: " + describe(made->status) + ": " + printable(made->errors),
                       grub_cure);
    }
    auto core = read_whole_file(core_file);
    if (!core) {
        return tl::unexpected(core.error());
    }
    return BootLoader{std::move(*boot_sector), std::move(*core)};
}

} // namespace

Result<BootLoader> BootLoader::make(bool with_plan) {
    return make_loader(boot_commands(with_plan), "multiboot2");
}

Result<BootLoader> BootLoader::make_for_linux(const std::string& command_line) {
    return make_loader(linux_boot_commands(command_line), "linux");
}

std::string linux_boot_commands(const std::string& command_line) {
    std::string commands = "linux (hd0,msdos1)/kernel";
    std::istringstream words{command_line};
    for (std::string word; words >> word;) {
        std::erase(word, '\''); // nothing of ours has one
        commands += " '" + word + "'";
    }
    return commands + "\ninitrd (hd0,msdos1)/initramfs\nboot\n";
}

std::vector<std::byte> tar_archive(const std::vector<BootFile>& files) {
    std::vector<std::byte> archive;
    for (const auto& file : files) {
        const auto header = tar_header(file);
        archive.insert(archive.end(), header.begin(), header.end());
        archive.insert(archive.end(), file.content.begin(), file.content.end());
        archive.resize(rounded_up(archive.size(), sector_size));
    }
    archive.resize(archive.size() + 2 * sector_size); // the end: two blocks of zero
    return archive;
}

Result<std::vector<std::byte>> boot_disk(const BootLoader& loader,
                                         const std::vector<BootFile>& files) {
    if (loader.boot_sector.size() != sector_size) {
        return failure("GRUB's boot sector has " + std::to_string(loader.boot_sector.size()) +
                       " bytes, not 512");
    }
    if (loader.core.size() > (partition_start - 1) * sector_size) {
        return failure("GRUB's core image is too large: " + std::to_string(loader.core.size()) +
                       " bytes");
    }
    const auto archive = tar_archive(files);
    constexpr std::size_t archive_at = partition_start * sector_size;
    std::vector<std::byte> disk(rounded_up(archive_at + archive.size(), cylinder_size));
    put(disk, 0, loader.boot_sector);
    put(disk, sector_size, loader.core);
    put(disk, archive_at, archive);
    // GRUB keeps code for floppies where a disk has its partitions.
    std::fill_n(disk.begin() + partition_table, signature - partition_table, std::byte{0});
    disk[partition_table] = std::byte{0x80};     // active
    disk[partition_table + 4] = std::byte{0xda}; // "data, no file system"
    put_number(disk, partition_table + 8, partition_start);
    put_number(disk, partition_table + 12, archive.size() / sector_size);
    disk[signature] = std::byte{0x55};
    disk[signature + 1] = std::byte{0xaa};
    return disk;
}

} // namespace vmrunit::runner
