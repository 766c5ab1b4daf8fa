// SPDX-License-Identifier: GPL-2.0-only
// An archive that a Linux kernel unpacks into its first root file system: cpio, format "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst), uncompressed, for decompression is
// slow under emulation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

class Initramfs {
public:
    void add_folder(std::string_view name);
    /// `name` without a slash at the front.
    void add_file(std::string_view name, std::span<const std::byte> content,
                  bool executable = false);
    void add_text(std::string_view name, std::string_view content) {
        add_file(name, std::as_bytes(std::span{content}));
    }
    /// Writes the end mark. Nothing can be added afterwards.
    [[nodiscard]] std::vector<std::byte> finish() &&;

private:
    void add(std::string_view name, std::uint32_t mode, std::span<const std::byte> content);
    void append(std::span<const std::byte> bytes);

    std::vector<std::byte> archive_;
    std::uint32_t entries_ = 0;
};

} // namespace vmrunit::runner
