// SPDX-License-Identifier: GPL-2.0-only
// Kernels of Debian's archive.
#pragma once

#include "host_runner/debian/apt_archive.hpp"
#include "host_runner/debian/package_version.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// Where a kernel of this version is, the likeliest first.
[[nodiscard]] std::vector<ArchiveSuite> suites_for(std::string_view version,
                                                   const MirrorSites& sites);

/// A kernel as packages.
struct KernelPackages {
    std::string version;                  ///< "6.12.95-1~bpo12+1"
    std::vector<ArchivePackage> packages; ///< All that hold a part of it.

    [[nodiscard]] std::uint64_t download() const; ///< Bytes.
};

/// The newest kernel of the wanted version ("6.12", "6.12.95") among packages, with those that hold
/// its parts. One of which a part is missing is none.
[[nodiscard]] std::optional<KernelPackages>
choose_kernel(const std::vector<ArchivePackage>& packages, std::string_view wanted);

/// The versions of all kernels among packages ("6.12.95"), oldest first, each once.
[[nodiscard]] std::vector<std::string> kernel_versions(const std::vector<ArchivePackage>& packages);

class DebianArchive {
public:
    /// Lists are kept in `folder`. No network yet.
    [[nodiscard]] static Result<DebianArchive> open(std::filesystem::path folder);

    /// Asks the mirror. The error says which versions there are.
    [[nodiscard]] Result<KernelPackages> find(std::string_view wanted);
    /// Versions of all kernels that the suites have, oldest first. Asks the mirror about each
    /// suite.
    [[nodiscard]] Result<std::vector<std::string>> versions();
    /// Fetches packages that find() named and unpacks them into a folder.
    [[nodiscard]] Result<void> unpack(const KernelPackages& kernel,
                                      const std::filesystem::path& into) const {
        return archive_.unpack(kernel.packages, into);
    }

private:
    explicit DebianArchive(AptArchive archive) : archive_{std::move(archive)} {}

    /// Images and their parts.
    [[nodiscard]] Result<std::vector<ArchivePackage>> packages_of(const ArchiveSuite& suite);

    AptArchive archive_;
};

} // namespace vmrunit::runner
