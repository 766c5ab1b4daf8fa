// SPDX-License-Identifier: GPL-2.0-only
// Kernels of Debian's archive, by apt-get: with a sources list, lists and a cache of our own, so
// that nothing of the system changes and no root is needed. The mirror is the machine's own.
#pragma once

#include "host_runner/error.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

/// A place packages come from: a mirror and one of its suites.
struct ArchiveSuite {
    std::string site;
    std::string suite;
};

/// The mirror of this machine, from what `apt-get indextargets` prints with the format
/// "$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)", a line each.
struct MirrorSites {
    std::string main;     ///< Of Debian's archive; empty if the machine has none.
    std::string security; ///< Of its security updates; may be empty.
};
[[nodiscard]] MirrorSites find_mirror_sites(std::string_view index_targets);

/// Where a kernel of this version is, the likeliest first.
[[nodiscard]] std::vector<ArchiveSuite> suites_for(std::string_view version,
                                                   const MirrorSites& sites);

/// A kernel as packages.
struct KernelPackages {
    std::string version;            ///< "6.12.95-1~bpo12+1"
    std::vector<std::string> names; ///< All that hold a part of it.
    std::uint64_t download = 0;     ///< Bytes.
};

/// From what `apt-cache show` prints: the newest kernel of the wanted version ("6.12", "6.12.95"),
/// with the packages of that text that hold its parts. `offered`, if given, gets all versions.
[[nodiscard]] std::optional<KernelPackages>
choose_kernel(std::string_view package_records, std::string_view wanted,
              std::vector<std::string>* offered = nullptr);

/// "6.12" covers 6.12, 6.12.95 and 6.12.95-1, but not 6.1 and not 6.120.
[[nodiscard]] bool version_covers(std::string_view wanted, std::string_view version);
/// Numbers as numbers, the rest as text.
[[nodiscard]] bool version_is_older(std::string_view one, std::string_view other);

class DebianArchive {
public:
    /// Lists are kept in `folder`. No network yet.
    [[nodiscard]] static Result<DebianArchive> open(std::filesystem::path folder);

    /// Asks the mirror. The error says which versions there are.
    [[nodiscard]] Result<KernelPackages> find(std::string_view wanted);
    /// Fetches packages that find() named and unpacks them into a folder.
    [[nodiscard]] Result<void> unpack(const KernelPackages& packages,
                                      const std::filesystem::path& into) const;

private:
    DebianArchive(std::filesystem::path folder, MirrorSites sites)
        : folder_{std::move(folder)}, sites_{std::move(sites)} {}

    [[nodiscard]] Result<std::string> apt(const std::string& program,
                                          std::vector<std::string> arguments,
                                          const std::filesystem::path& where) const;
    [[nodiscard]] Result<void> use(const ArchiveSuite& suite);

    std::filesystem::path folder_;
    MirrorSites sites_;
    std::string suite_; ///< The one in use.
};

} // namespace vmrunit::runner
