// SPDX-License-Identifier: GPL-2.0-only
// A hard disk that boots by GRUB: the payload by Multiboot 2, or a Linux kernel.
//
//   sector 0     GRUB's boot sector with a partition table
//   sector 1     GRUB's core image: modules and the commands that boot
//   sector 2048  the one partition: a tar archive with "payload" and "plan", or "kernel" and
//                "initramfs"
//
// GRUB's part is made once by grub-mkimage; a machine costs only the copying of its files.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

struct BootLoader {
    std::vector<std::byte> boot_sector;
    std::vector<std::byte> core;

    /// Why GRUB's image cannot be made here; nothing is run.
    [[nodiscard]] static Result<void> check_programs();
    /// Runs grub-mkimage: some 100 ms. Commands without a module for a machine without a plan.
    [[nodiscard]] static Result<BootLoader> make(bool with_plan);
    /// The same for a kernel with this command line.
    [[nodiscard]] static Result<BootLoader> make_for_linux(const std::string& command_line);
};

/// What GRUB is told, a line each: words that it does not take apart.
[[nodiscard]] std::string linux_boot_commands(const std::string& command_line);

struct BootFile {
    std::string name;
    std::span<const std::byte> content;
};

/// An archive as GRUB's tar module reads it (ustar).
[[nodiscard]] std::vector<std::byte> tar_archive(const std::vector<BootFile>& files);

/// An error if `loader` is no boot sector or too large for the space before the partition.
[[nodiscard]] Result<std::vector<std::byte>> boot_disk(const BootLoader& loader,
                                                       const std::vector<BootFile>& files);

[[nodiscard]] Result<std::vector<std::byte>> read_whole_file(const std::filesystem::path& path);
[[nodiscard]] Result<void> write_whole_file(const std::filesystem::path& path,
                                            std::span<const std::byte> content);

} // namespace vmrunit::runner
