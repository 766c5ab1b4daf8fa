// SPDX-License-Identifier: GPL-2.0-only
// What a Linux kernel image says of itself. The header is that of the x86 boot protocol
// (Documentation/arch/x86/boot.rst).
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace vmrunit::runner {

/// The release of a bzImage: "6.12.95+deb12-cloud-amd64". An error if it is no bzImage.
[[nodiscard]] Result<std::string> release_of_image(std::span<const std::byte> image);
[[nodiscard]] Result<std::string> release_of_image(const std::filesystem::path& file);

} // namespace vmrunit::runner
