// SPDX-License-Identifier: GPL-2.0-only
// A kernel to boot: its image and the modules of its KVM, wherever they come from.
#pragma once

#include "host_runner/error.hpp"
#include "host_runner/lab/kernel_module.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

struct KernelFiles {
    std::filesystem::path image;
    std::string release;               ///< As the image says: "6.12.95+deb12-cloud-amd64".
    std::string origin;                ///< For people: a package, or a path.
    std::vector<KernelModule> modules; ///< In the order they are to be loaded.
    std::vector<std::string> built_in; ///< Those that the image holds.
};

/// Where modules may be.
struct ModulePlaces {
    std::vector<std::filesystem::path> folders; ///< They lie here, at any depth.
    std::vector<std::filesystem::path> lists;   ///< Files modules.builtin: what the image holds.
};

/// `kvm_amd` and all it depends on must be there or built in.
[[nodiscard]] Result<KernelFiles> load_kernel_files(std::filesystem::path image,
                                                    const ModulePlaces& places);

/// From a path somebody named: a bzImage, whose modules are looked for where the usual places are
/// relative to it; a kernel tree that was built; or a folder with an unpacked package.
[[nodiscard]] Result<KernelFiles> find_kernel_files(const std::filesystem::path& path);

} // namespace vmrunit::runner
