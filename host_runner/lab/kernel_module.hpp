// SPDX-License-Identifier: GPL-2.0-only
// A kernel module as a file: its bytes, and what its section .modinfo says of it.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

struct KernelModule {
    std::string name;                    ///< With underscores, as the kernel calls it: "kvm_amd".
    std::string release;                 ///< Of the kernel it was built for.
    std::vector<std::string> depends;    ///< Modules that must be loaded before it.
    std::vector<std::string> parameters; ///< Names.
    std::vector<std::byte> content;      ///< Decompressed.
};

/// From the bytes of a .ko file.
[[nodiscard]] Result<KernelModule> parse_kernel_module(std::vector<std::byte> content);
/// From a .ko file, which may be compressed.
[[nodiscard]] Result<KernelModule> read_kernel_module(const std::filesystem::path& file);

/// The module a file holds by its name: "kvm_amd" of "kvm-amd.ko.xz"; empty if it is no module.
[[nodiscard]] std::string module_name_of_file(const std::filesystem::path& file);

} // namespace vmrunit::runner
