// SPDX-License-Identifier: GPL-2.0-only
// Files that may be compressed: kernel modules are, by gzip, xz or zstd, depending on the
// distribution.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <filesystem>
#include <vector>

namespace vmrunit::runner {

/// The content of a file, decompressed if it is compressed. No more than `most` bytes.
[[nodiscard]] Result<std::vector<std::byte>> read_decompressed(const std::filesystem::path& file,
                                                               std::size_t most);

} // namespace vmrunit::runner
