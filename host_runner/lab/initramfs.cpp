// SPDX-License-Identifier: GPL-2.0-only
// Writes the archive.
#include "host_runner/lab/initramfs.hpp"

#include <array>
#include <fmt/format.h>
#include <string>
#include <sys/stat.h>
#include <utility>

namespace vmrunit::runner {

namespace {

constexpr std::size_t alignment = 4;
constexpr std::string_view end_mark = "TRAILER!!!";

} // namespace

void Initramfs::add_folder(std::string_view name) {
    add(name, S_IFDIR | 0755, {});
}

void Initramfs::add_file(std::string_view name, std::span<const std::byte> content,
                         bool executable) {
    add(name, S_IFREG | (executable ? 0755u : 0644u), content);
}

std::vector<std::byte> Initramfs::finish() && {
    add(end_mark, 0, {});
    return std::move(archive_);
}

void Initramfs::add(std::string_view name, std::uint32_t mode, std::span<const std::byte> content) {
    // inode, mode, user, group, links, time, size, device twice, its number twice, name, checksum
    const std::array<std::size_t, 13> fields{
        ++entries_, mode, 0, 0, 1, 0, content.size(), 0, 0, 0, 0, name.size() + 1, 0};
    std::string header = "070701";
    for (const auto field : fields) {
        header += fmt::format("{:08x}", field);
    }
    header += name;
    header += '\0';
    append(std::as_bytes(std::span{header}));
    append(content);
}

void Initramfs::append(std::span<const std::byte> bytes) {
    archive_.insert(archive_.end(), bytes.begin(), bytes.end());
    archive_.resize((archive_.size() + alignment - 1) / alignment * alignment);
}

} // namespace vmrunit::runner
