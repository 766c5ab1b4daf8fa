// SPDX-License-Identifier: GPL-2.0-only
// Kernels that were fetched, unpacked and reduced to what a lab machine needs: the image and three
// modules, decompressed. $XDG_CACHE_HOME/vmrunit/kernels/VERSION.
#pragma once

#include "host_runner/debian/package_folder.hpp"
#include "host_runner/lab/kernel_files.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vmrunit::runner {

class KernelPackageCache {
public:
    /// Where kernels come from that are not there: unpacks the newest of the wanted version into a
    /// folder and returns its full version.
    struct Fetched {
        std::string version;
        std::string package;
    };
    using Tell = runner::Tell;
    using Source = std::function<Result<Fetched>(
        std::string_view wanted, const std::filesystem::path& into, const Tell& tell)>;

    /// `folder` is the whole cache, in which kernels have a folder.
    explicit KernelPackageCache(const std::filesystem::path& folder);

    /// $XDG_CACHE_HOME/vmrunit, or below ~/.cache.
    [[nodiscard]] static Result<std::filesystem::path> default_folder() {
        return PackageFolder::cache();
    }

    /// The newest version there is that `wanted` covers.
    [[nodiscard]] std::optional<std::string> find(std::string_view wanted) const {
        return kernels_.find(wanted);
    }
    /// A kernel that is there, checked: a damaged one is an error.
    [[nodiscard]] Result<KernelFiles> load(const std::string& version) const;
    /// The same, or else by way of `source`.
    [[nodiscard]] Result<KernelFiles> obtain(std::string_view wanted, const Source& source,
                                             const Tell& tell) const;

private:
    PackageFolder kernels_;
};

/// From Debian's archive, with apt's lists below `folder`.
[[nodiscard]] KernelPackageCache::Source debian_source(std::filesystem::path folder);

} // namespace vmrunit::runner
