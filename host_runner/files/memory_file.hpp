// SPDX-License-Identifier: GPL-2.0-only
// A file without a name (memfd). A child that inherits it opens it as /proc/self/fd/N, so there is
// nothing in any folder that could be left behind, however the runner ends.
#pragma once

#include "host_runner/files/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vmrunit::runner {

class MemoryFile {
public:
    /// `label` is what /proc shows; `size` bytes of zero, allocated as they are touched.
    [[nodiscard]] static Result<MemoryFile> create(const std::string& label, std::uint64_t size);
    [[nodiscard]] static Result<MemoryFile> with_content(const std::string& label,
                                                         std::span<const std::byte> content);

    [[nodiscard]] int descriptor() const { return file_.number(); }
    [[nodiscard]] std::uint64_t size() const { return size_; }

private:
    MemoryFile(FileDescriptor file, std::uint64_t size) : file_{std::move(file)}, size_{size} {}

    FileDescriptor file_;
    std::uint64_t size_ = 0;
};

/// The path by which a process opens a descriptor of its own once more.
[[nodiscard]] std::string path_of_own_descriptor(int number);

} // namespace vmrunit::runner
